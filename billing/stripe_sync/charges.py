"""Take money from cards, and give it back.

Each act carries an idempotency key made of our own row's id. Stripe forgets keys after
a day and remembers errors of its own under them, so a second try looks first whether
the first one was done.
"""

import logging
from dataclasses import dataclass

import stripe

from billing.domain.payments import ProviderPayment, ProviderRefund
from billing.errors import CardPaymentsOffError, ProviderUnavailableError
from billing.stripe_sync.client import asking_stripe, open_client
from billing.stripe_sync.convert import (
    CHECKOUT,
    PAYMENT,
    REFUND,
    TENANT,
    VIA,
    payment_of,
    payment_of_session,
    refund_of,
)
from billing.stripe_sync.objects import Plain, plain, plain_first

LOOKED_THROUGH_MAX = 300
"""Payments of one tenant since the one in question began."""
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CardOrder:
    """What a card, or the page on which one is typed, is to be charged."""

    payment_id: int
    tenant_id: int
    customer_id: str
    amount_cents: int
    currency: str
    """As we write it; Stripe's is in lower case."""
    description: str
    created_at: int
    """Seconds since the epoch: what is older at Stripe is another payment."""


def charge_card(
    order: CardOrder, method_id: str, *, is_repeat: bool
) -> ProviderPayment:
    """Charges a kept card, while nobody is there to answer the bank. A declined card is
    no error but the answer. Raises what `asking_stripe` raises.
    """
    if is_repeat and (found := find_payment(order)):
        return found
    with asking_stripe():
        try:
            intent = open_client().v1.payment_intents.create(
                {
                    "amount": order.amount_cents,
                    "currency": order.currency.lower(),
                    "customer": order.customer_id,
                    "payment_method": method_id,
                    "allowed_payment_method_types": ["card"],
                    "confirm": True,
                    "off_session": True,
                    "description": order.description,
                    "metadata": _metadata(order),
                },
                {"idempotency_key": f"payment-{order.payment_id}-{order.created_at}"},
            )
        except stripe.CardError as error:
            return _declined(error)
    return payment_of(plain(intent))


def _declined(error: stripe.CardError) -> ProviderPayment:
    """The intent stays behind and could still be paid; nobody is to."""
    problem = error.error
    if problem is None or problem.payment_intent is None:
        raise ProviderUnavailableError("Stripe declined without a reason.") from error
    intent = plain(problem.payment_intent)
    _cancel(str(intent["id"]))
    return payment_of(intent)


def _cancel(intent_id: str) -> None:
    try:
        open_client().v1.payment_intents.cancel(intent_id)
    except stripe.StripeError:
        _logger.warning("payment intent %s could not be canceled", intent_id)


def find_payment(order: CardOrder) -> ProviderPayment | None:
    """As Stripe knows it; None: it never came there."""
    with asking_stripe():
        intents = open_client().v1.payment_intents.list(
            {
                "customer": order.customer_id,
                "created": {"gte": order.created_at - 60},
                "limit": 100,
            }
        )
        found = plain_first(intents.auto_paging_iter(), LOOKED_THROUGH_MAX)
    mine = [one for one in map(payment_of, found) if one.payment_id == order.payment_id]
    return mine[0] if mine else None


def open_payment_page(
    order: CardOrder, *, done_url: str, back_url: str, keeps_card: bool
) -> tuple[str, str]:
    """Stripe's id and the address of the page on which the tenant pays and answers its
    bank (3-D Secure).
    """
    intent_data: stripe.params.checkout.SessionCreateParamsPaymentIntentData = {
        "description": order.description,
        "metadata": _metadata(order, via=CHECKOUT),
    }
    if keeps_card:
        intent_data["setup_future_usage"] = "off_session"
    with asking_stripe():
        session = open_client().v1.checkout.sessions.create(
            {
                "mode": "payment",
                "customer": order.customer_id,
                "allowed_payment_method_types": ["card"],
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": order.currency.lower(),
                            "unit_amount": order.amount_cents,
                            "product_data": {"name": order.description},
                        },
                    }
                ],
                "payment_intent_data": intent_data,
                "metadata": _metadata(order),
                "success_url": done_url,
                "cancel_url": back_url,
            },
            {"idempotency_key": f"page-{order.payment_id}-{order.created_at}"},
        )
    return session.id, session.url or back_url


def read_payment_page(session_id: str) -> tuple[ProviderPayment | None, str]:
    """How its payment stands (None: it sets up a card), and its address while open."""
    session = _session(session_id)
    return payment_of_session(session), str(session.get("url") or "")


def close_payment_page(session_id: str) -> ProviderPayment | None:
    """Nobody can pay there any more; what was paid before counts."""
    try:
        with asking_stripe():
            open_client().v1.checkout.sessions.expire(session_id)
    except (CardPaymentsOffError, ProviderUnavailableError):
        raise
    except Exception:  # noqa: BLE001  it was complete or expired: its state says which
        _logger.info("checkout session %s was closed already", session_id)
    return read_payment_page(session_id)[0]


def _session(session_id: str) -> Plain:
    with asking_stripe():
        return plain(
            open_client().v1.checkout.sessions.retrieve(
                session_id, {"expand": ["payment_intent"]}
            )
        )


def read_payment(provider_id: str) -> ProviderPayment | None:
    """Its present state, by the id of an intent or of a checkout session."""
    if provider_id.startswith("cs_"):
        return read_payment_page(provider_id)[0]
    with asking_stripe():
        return payment_of(plain(open_client().v1.payment_intents.retrieve(provider_id)))


def send_refund(
    *, refund_id: int, payment_provider_id: str, amount_cents: int, is_repeat: bool
) -> ProviderRefund:
    """Raises ProviderRefusedError when no more of the payment is left to refund."""
    if is_repeat and (found := _find_refund(refund_id, payment_provider_id)):
        return found
    with asking_stripe():
        refund = open_client().v1.refunds.create(
            {
                "payment_intent": payment_provider_id,
                "amount": amount_cents,
                "metadata": {REFUND: str(refund_id)},
            },
            {"idempotency_key": f"refund-{refund_id}-{payment_provider_id}"},
        )
    return refund_of(plain(refund))


def _find_refund(refund_id: int, payment_provider_id: str) -> ProviderRefund | None:
    with asking_stripe():
        refunds = open_client().v1.refunds.list(
            {"payment_intent": payment_provider_id, "limit": 100}
        )
    mine = [
        one
        for one in map(refund_of, plain_first(refunds.data, 100))
        if one.refund_id == refund_id
    ]
    return mine[0] if mine else None


def _metadata(order: CardOrder, *, via: str = "") -> dict[str, str]:
    named = {PAYMENT: str(order.payment_id), TENANT: str(order.tenant_id)}
    return {**named, VIA: via} if via else named
