"""Stripe's webhooks: who sent them, and what they hint at."""

from typing import Any

import stripe
from django.conf import settings

from billing.domain.payments import ProviderDispute, ProviderRefund
from billing.stripe_sync.client import asking_stripe, open_client
from billing.stripe_sync.convert import (
    dispute_of,
    intents_of_invoice,
    refund_of,
)
from billing.stripe_sync.objects import Plain, plain

TOLERANCE_SECONDS = 300
"""An older signature may be a recording."""


class ForgedEventError(Exception):
    """Not signed by Stripe, or too long ago, or no event at all."""


def verified_event(body: bytes, signature: str) -> Plain:
    """The event, as its sender's JSON. Raises ForgedEventError."""
    if not settings.STRIPE_WEBHOOK_SECRET:
        raise ForgedEventError("There is no secret to check the signature by.")
    try:
        event = open_client().construct_event(
            body, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS
        )
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise ForgedEventError(str(error)) from error
    return plain(event)


def read_payments_of_invoice(invoice_id: str) -> tuple[dict[str, Any], list[str]]:
    """The metadata of Stripe's invoice, and the ids of what paid it."""
    with asking_stripe():
        invoice = plain(
            open_client().v1.invoices.retrieve(invoice_id, {"expand": ["payments"]})
        )
    return dict(invoice.get("metadata") or {}), intents_of_invoice(invoice)


def read_refund(provider_id: str) -> ProviderRefund:
    with asking_stripe():
        return refund_of(plain(open_client().v1.refunds.retrieve(provider_id)))


def read_dispute(provider_id: str) -> ProviderDispute:
    with asking_stripe():
        return dispute_of(plain(open_client().v1.disputes.retrieve(provider_id)))
