"""Have stored webhooks of Stripe's applied once more."""

from datetime import datetime

from billing.models.provider import StripeEvent


def replay_stripe_events(
    *, now: datetime, stripe_ids: list[str] | None = None, since: datetime | None = None
) -> int:
    """How many will be; None: not chosen by that. All is safe to apply again."""
    rows = StripeEvent.objects.all()
    if stripe_ids is not None:
        rows = rows.filter(stripe_id__in=stripe_ids)
    if since is not None:
        rows = rows.filter(received_at__gte=since)
    return rows.update(applied_at=None, apply_after=now, tries=0, problem="")
