"""Put a tenant that is on no plan on one."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.event_types import EventType
from billing.domain.money import check_currency
from billing.domain.subscriptions import check_start, whole_second
from billing.errors import AlreadySubscribedError, PlanWithdrawnError
from billing.models.plans import Plan, Subscription
from billing.services.ledger.currency_of import currency_of
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.plans.describe_subscription import describe_subscription
from billing.services.plans.put_on_plan import put_on_plan
from billing.services.rating.mark_months import mark_months
from billing.services.webhooks.emit_event import emit_event
from tenants.services.note_act import note_act


@transaction.atomic
def start_subscription(
    *, tenant_id: int, plan: Plan, now: datetime, starts_at: datetime | None = None
) -> Subscription:
    """From `starts_at` on, to the second; None: from now. What there is already is
    returned as it is.

    Raises AlreadySubscribedError (it is on another plan, or comes to one: that is to be
    changed), PlanWithdrawnError, OtherCurrencyError and ChangeInThePastError.
    """
    start = whole_second(starts_at or now)
    lock_tenant(tenant_id)
    rows = Subscription.objects.filter(tenant_id=tenant_id).select_related("plan")
    if found := rows.held_from(start).first():
        return _same(found, plan)
    check_start(start, now=now)
    check_offered(plan, tenant_id=tenant_id, now=now)
    subscription = put_on_plan(tenant_id=tenant_id, plan=plan, starts_at=start, now=now)
    mark_months(tenant_id, start=start, now=now)
    note_act("plan.started", tenant_id=tenant_id, about=subscription, words=plan.name)
    emit_event(
        tenant_id=tenant_id,
        type=EventType.SUBSCRIPTION_STARTED,
        data=describe_subscription(subscription),
        now=now,
    )
    return subscription


def check_offered(plan: Plan, *, tenant_id: int, now: datetime) -> None:
    """Raises PlanWithdrawnError and OtherCurrencyError."""
    check_currency(plan.currency, paid_in=currency_of(tenant_id), what=plan.name)
    if plan.withdrawn_at is not None and plan.withdrawn_at <= now:
        raise PlanWithdrawnError(
            gettext("%(name)s is not offered any more.") % {"name": plan.name}
        )


def _same(found: Subscription, plan: Plan) -> Subscription:
    if found.plan_id != plan.pk:
        raise AlreadySubscribedError(
            gettext("The tenant is on %(name)s; change that plan.")
            % {"name": found.plan.name}
        )
    return found
