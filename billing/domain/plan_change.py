"""What a month comes to on another plan, told charge by charge."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.charges import Charge
from billing.domain.month import MonthTerms, PlanTerms


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of one charge; nanos, 0 where there is none."""

    charge: Charge
    """As it is after the change, or was before it if it is gone then."""
    before_nanos: int
    after_nanos: int

    @property
    def amount_nanos(self) -> int:
        return self.after_nanos - self.before_nanos


def changed(terms: MonthTerms, new: PlanTerms) -> MonthTerms:
    """Of the month in which `new` begins: what was held then ends, and what was to
    begin after it does not.
    """
    at = new.starts_at
    kept = [
        replace(plan, ends_at=_earlier(plan.ends_at, at))
        for plan in terms.plans
        if plan.starts_at < at
    ]
    return replace(terms, plans=(*kept, new))


def _earlier(end: datetime | None, at: datetime) -> datetime:
    return at if end is None else min(end, at)


def differences(
    before: Iterable[Charge], after: Iterable[Charge]
) -> tuple[Difference, ...]:
    """In the order of an invoice; what is only in `before` comes first."""
    was = {charge.key: charge for charge in before}
    is_now = {charge.key: charge for charge in after}
    gone = [charge for key, charge in was.items() if key not in is_now]
    return tuple(
        Difference(
            charge=charge,
            before_nanos=_amount(was.get(charge.key)),
            after_nanos=_amount(is_now.get(charge.key)),
        )
        for charge in (*gone, *is_now.values())
    )


def _amount(charge: Charge | None) -> int:
    return charge.amount_nanos if charge else 0
