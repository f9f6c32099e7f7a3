"""What a month comes to before and after a tenant comes to another plan."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.money import check_currency
from billing.domain.month import charge_month
from billing.domain.periods import Period, month_of
from billing.domain.plan_change import Difference, changed, differences
from billing.domain.subscriptions import check_start, whole_second
from billing.models.plans import Plan, Subscription
from billing.services.advice.read_use import read_priced_use
from billing.services.ledger.currency_of import currency_of
from billing.services.plans.put_on_plan import find_trial_end
from billing.services.rating.read_charges import plan_terms, read_terms


@dataclass(frozen=True, kw_only=True)
class ChangePreview:
    """Nothing is changed by it, and nothing promised: what is used until the month ends
    is not known.
    """

    plan: Plan
    at: datetime
    trial_ends_at: datetime | None
    month: Period
    """In which the change would take place."""
    differences: tuple[Difference, ...]

    @property
    def before_nanos(self) -> int:
        """What the month comes to as it stands, with what is used so far."""
        return sum(one.before_nanos for one in self.differences)

    @property
    def after_nanos(self) -> int:
        return sum(one.after_nanos for one in self.differences)

    @property
    def difference_nanos(self) -> int:
        return self.after_nanos - self.before_nanos


def preview_change(
    *, tenant_id: int, plan: Plan, now: datetime, at: datetime | None = None
) -> ChangePreview:
    """Also of the first plan; `at` None: now. Raises ChangeInThePastError,
    OtherCurrencyError and UnpricedUsageError.
    """
    check_currency(plan.currency, paid_in=currency_of(tenant_id), what=plan.name)
    instant = whole_second(at or now)
    check_start(instant, now=now)
    month = month_of(instant)
    terms = read_terms(tenant_id, month)
    usages = read_priced_use(tenant_id, month)
    new = Subscription(
        tenant_id=tenant_id,
        plan=plan,
        starts_at=instant,
        trial_ends_at=find_trial_end(tenant_id, plan, instant),
    )
    before = charge_month(usages, terms)
    after = charge_month(usages, changed(terms, plan_terms(new, month)))
    return ChangePreview(
        plan=plan,
        at=instant,
        trial_ends_at=new.trial_ends_at,
        month=month,
        differences=differences(before, after),
    )
