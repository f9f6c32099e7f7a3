"""Stripe's objects in our words. No other file looks into their fields.

Objects come from the API at the pinned version, and from stored events at any version:
what is needed of those is read in the shape of either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.domain.payments import (
    ProviderCard,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    RefundTold,
    Told,
)

PAYMENT, REFUND, TENANT, INVOICE = (
    "tokenfab_payment",
    "tokenfab_refund",
    "tokenfab_tenant",
    "tokenfab_invoice",
)
"""Names in Stripe's metadata."""
VIA = "tokenfab_via"
CHECKOUT = "checkout"
_Object = Mapping[str, Any]

_TOLD = {
    "succeeded": Told.SUCCEEDED,
    "processing": Told.PENDING,
    "requires_capture": Told.PENDING,
    "requires_confirmation": Told.PENDING,
    "requires_action": Told.REQUIRES_ACTION,
    "requires_payment_method": Told.FAILED,
    "canceled": Told.CANCELED,
}


def payment_of(intent: _Object) -> ProviderPayment:
    told = _TOLD[intent["status"]]
    error = intent.get("last_payment_error") or {}
    if told is Told.FAILED and _metadata(intent).get(VIA) == CHECKOUT:
        told = Told.REQUIRES_ACTION  # the page is open: another card may follow
    if told is Told.CANCELED and error:
        told = Told.FAILED  # it was canceled because it had failed
    failed = told in {Told.FAILED, Told.REQUIRES_ACTION}
    return ProviderPayment(
        provider_id=str(intent["id"]),
        told=told,
        amount_cents=int(intent["amount"]),
        payment_id=_number(_metadata(intent).get(PAYMENT)),
        method_id=id_of(intent.get("payment_method")),
        failure_code=_failure_code(error) if failed else "",
    )


def payment_of_session(session: _Object) -> ProviderPayment | None:
    """Of a checkout session with its intent expanded; None: it sets up a card."""
    if session["mode"] != "payment":
        return None
    intent = session.get("payment_intent")
    if intent:
        found = payment_of(intent)
        if session["status"] != "expired" or found.told is Told.SUCCEEDED:
            return found
    return ProviderPayment(
        provider_id=str(intent["id"] if intent else session["id"]),
        told=_told_of_session(session, intent or {}),
        amount_cents=int(session["amount_total"] or 0),
        payment_id=_number(_metadata(session).get(PAYMENT)),
        failure_code="expired" if session["status"] == "expired" else "",
    )


def _told_of_session(session: _Object, intent: _Object) -> Told:
    if session["status"] != "expired":
        return Told.REQUIRES_ACTION
    return Told.FAILED if intent.get("last_payment_error") else Told.CANCELED


def refund_of(refund: _Object) -> ProviderRefund:
    told = {
        "succeeded": RefundTold.SUCCEEDED,
        "failed": RefundTold.FAILED,
        "canceled": RefundTold.FAILED,
    }.get(refund["status"] or "", RefundTold.PENDING)
    return ProviderRefund(
        provider_id=str(refund["id"]),
        told=told,
        refund_id=_number(_metadata(refund).get(REFUND)),
        payment_provider_id=id_of(refund.get("payment_intent")),
        amount_cents=int(refund["amount"]),
        failure_code=str(refund.get("failure_reason") or ""),
    )


def dispute_of(dispute: _Object) -> ProviderDispute:
    return ProviderDispute(
        provider_id=str(dispute["id"]),
        payment_provider_id=id_of(dispute.get("payment_intent")),
        amount_cents=int(dispute["amount"]),
        is_lost=dispute["status"] == "lost",
        # An inquiry that is closed took no money.
        is_won=dispute["status"] in {"won", "warning_closed", "prevented"},
    )


def card_of(method: _Object) -> ProviderCard:
    card = method.get("card") or {}
    return ProviderCard(
        provider_id=str(method["id"]),
        brand=str(card.get("brand") or method["type"]),
        last4=str(card.get("last4") or ""),
        expires_month=int(card.get("exp_month") or 1),
        expires_year=int(card.get("exp_year") or 9999),
    )


@dataclass(frozen=True, kw_only=True)
class EventSubject:
    """What an event hints at: an object whose present state is to be read."""

    kind: str
    """`payment_intent`, `checkout.session`, `refund`, `dispute`, `invoice` or
    `customer`."""
    provider_id: str


_OF_CUSTOMER = ("setup_intent.", "payment_method.", "customer.updated")


def subject_of_event(event: _Object) -> EventSubject | None:
    """None: it is about nothing of ours."""
    name, found = str(event["type"]), event["data"]["object"]
    if name.startswith(_OF_CUSTOMER):
        return _customer_of(event, found)
    if name.startswith(("charge.dispute.", "refund.", "charge.refund.")):
        return _itself("dispute" if "dispute" in name else "refund", found)
    if name.startswith("charge."):
        return _intent(id_of(found.get("payment_intent")))
    if name.startswith("invoice_payment."):
        return _intent(_intent_of_payment(found))
    for kind in ("payment_intent", "checkout.session", "invoice"):
        if name.startswith(f"{kind}."):
            return _itself(kind, found)
    return None


def intents_of_invoice(invoice: _Object) -> list[str]:
    """Ids of what paid it, or tried: `payments` since API 2025-03-31, one
    `payment_intent` before.
    """
    new = [
        _intent_of_payment(payment)
        for payment in (invoice.get("payments") or {}).get("data", ())
    ]
    old = [id_of(invoice.get("payment_intent"))]
    return [found for found in [*new, *old] if found]


def id_of(reference: Any) -> str:
    """Of a field that holds an id, the object itself (expanded), or null."""
    if reference is None:
        return ""
    return str(reference if isinstance(reference, str) else reference["id"])


def _intent_of_payment(payment: _Object) -> str:
    return id_of((payment.get("payment") or {}).get("payment_intent"))


def _itself(kind: str, found: _Object) -> EventSubject:
    return EventSubject(kind=kind, provider_id=str(found["id"]))


def _intent(provider_id: str) -> EventSubject | None:
    if not provider_id:
        return None
    return EventSubject(kind="payment_intent", provider_id=provider_id)


def _customer_of(event: _Object, found: _Object) -> EventSubject | None:
    if found["object"] == "customer":
        return _itself("customer", found)
    before = event["data"].get("previous_attributes") or {}
    provider_id = id_of(found.get("customer")) or id_of(before.get("customer"))
    return (
        EventSubject(kind="customer", provider_id=provider_id) if provider_id else None
    )


def _metadata(found: _Object) -> _Object:
    metadata: _Object = found.get("metadata") or {}
    return metadata


def _number(text: Any) -> int | None:
    return int(text) if str(text or "").isdecimal() else None


def _failure_code(error: _Object) -> str:
    """The bank's reason where it gives one, which says more."""
    code = str(error.get("code") or "")
    if code == "card_declined":
        return str(error.get("decline_code") or code)
    return code
