"""Look at what Stripe's webhooks hint at, and take over how it stands now.

What an event says is never taken over: the object is read anew, so that events may come
twice, late and in any order.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import F

from billing.domain.payments import retry_after_seconds
from billing.errors import BillingError
from billing.models.provider import StripeEvent, StripeTenant
from billing.services.payments.apply_dispute import apply_dispute
from billing.services.payments.apply_payment import adopt_payment, apply_payment
from billing.services.payments.apply_refund import apply_refund
from billing.services.payments.sync_cards import sync_cards
from billing.stripe_sync.charges import read_payment
from billing.stripe_sync.convert import EventSubject, subject_of_event
from billing.stripe_sync.events import (
    read_dispute,
    read_payments_of_invoice,
    read_refund,
)

EVENTS_AT_ONCE = 100
CLAIMED_FOR = timedelta(minutes=1)
_logger = logging.getLogger(__name__)


def apply_stripe_events(*, now: datetime) -> int:
    """How many of the events that are due were applied."""
    due = StripeEvent.objects.unapplied().filter(apply_after__lte=now)
    ids = list(due.values_list("pk", flat=True)[:EVENTS_AT_ONCE])
    return sum(apply_stripe_event(event_id, now=now) for event_id in ids)


def apply_stripe_event(event_id: int, *, now: datetime) -> bool:
    """True if it is applied. A problem is kept with it, and it is tried again later."""
    rows = StripeEvent.objects.filter(pk=event_id, applied_at=None)
    claim = rows.filter(apply_after__lte=now)
    if not claim.update(tries=F("tries") + 1, apply_after=now + CLAIMED_FOR):
        return False
    event = StripeEvent.objects.get(pk=event_id)
    try:
        _apply(event, now)
    except (BillingError, DatabaseError, KeyError, TypeError, ValueError) as error:
        _logger.exception("event %s", event.stripe_id)
        later = timedelta(seconds=retry_after_seconds(event.tries))
        problem = f"{type(error).__name__}: {error}"
        rows.update(apply_after=now + CLAIMED_FOR + later, problem=problem)
        return False
    return bool(rows.update(applied_at=now, problem=""))


def _apply(event: StripeEvent, now: datetime) -> None:
    subject = subject_of_event(event.payload)
    if subject is not None:
        _ACTS[subject.kind](subject, now)


def _payment(subject: EventSubject, now: datetime) -> None:
    told = read_payment(subject.provider_id)
    if told is not None:
        apply_payment(told, now=now)


def _invoice(subject: EventSubject, now: datetime) -> None:
    _, intents = read_payments_of_invoice(subject.provider_id)
    for intent_id in intents:
        told = read_payment(intent_id)
        if told is not None:
            adopt_payment(told, stripe_invoice_id=subject.provider_id, now=now)


def _refund(subject: EventSubject, now: datetime) -> None:
    apply_refund(read_refund(subject.provider_id), now=now)


def _dispute(subject: EventSubject, now: datetime) -> None:
    apply_dispute(read_dispute(subject.provider_id), now=now)


def _tenant(subject: EventSubject, now: datetime) -> None:
    known = StripeTenant.objects.filter(stripe_id=subject.provider_id).first()
    if known is not None:
        sync_cards(known.tenant_id, now=now)


_ACTS: dict[str, Callable[[EventSubject, datetime], None]] = {
    "payment_intent": _payment,
    "checkout.session": _payment,
    "invoice": _invoice,
    "refund": _refund,
    "dispute": _dispute,
    "customer": _tenant,
}
