"""Keep a webhook of Stripe's; what it hints at is looked at later."""

from datetime import datetime

from billing.models.provider import StripeEvent
from billing.stripe_sync.events import verified_event


def receive_stripe_event(body: bytes, signature: str, *, now: datetime) -> bool:
    """False: it came before. Raises ForgedEventError."""
    event = verified_event(body, signature)
    _, is_new = StripeEvent.objects.get_or_create(
        stripe_id=event["id"],
        defaults={
            "type": event["type"],
            "api_version": event.get("api_version") or "",
            "payload": event,
            "received_at": now,
            "apply_after": now,
        },
    )
    return is_new
