"""The parts of changing and ending a tenant's plan."""

from datetime import datetime

from django.utils.translation import gettext

from billing.domain.subscriptions import check_leaving, whole_second
from billing.errors import NoSubscriptionError
from billing.models.plans import Subscription
from billing.services.ledger.lock_tenant import lock_tenant


def lock_subscriptions(
    tenant_id: int, *, now: datetime
) -> tuple[Subscription, Subscription | None]:
    """What the tenant is on, or comes to first, and what is planned after it; both its
    own until the transaction ends. Raises NoSubscriptionError.
    """
    lock_tenant(tenant_id)
    rows = Subscription.objects.filter(tenant_id=tenant_id).select_related("plan")
    found = list(rows.held_from(whole_second(now))[:2])
    if not found:
        raise NoSubscriptionError(gettext("The tenant is on no plan."))
    return found[0], found[1] if found[1:] else None


def clear_planned(held: Subscription) -> None:
    """Nothing of it has happened, so nothing is lost with the row."""
    Subscription.objects.filter(
        tenant_id=held.tenant_id, starts_at__gt=held.starts_at
    ).delete()
    if held.ends_at is not None:
        held.ends_at = None
        held.save(update_fields=["ends_at"])


def end_subscription(held: Subscription, *, at: datetime) -> None:
    """One that would end before it began, or in that second, was never held; a
    commitment binds from the next second on. Raises CommitmentRunsError.
    """
    if at <= held.starts_at:
        held.delete()
        return
    check_leaving(at, held.commitment_ends_at)
    held.ends_at = at
    held.save(update_fields=["ends_at"])
