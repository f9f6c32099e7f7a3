"""What a payment provider says of payments and refunds, and what follows from it.

A provider's word is its present state, read when something hints at a change. Two reads
may come to us in the wrong order, so an outcome never gives way to an earlier one.
"""

import enum
from dataclasses import dataclass

from tenants.domain.letters import gettext_noop


class Told(enum.StrEnum):
    """How a payment stands by the provider's word; the values are PaymentStatus's."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    FAILED = "failed"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


class RefundTold(enum.StrEnum):
    """The values are RefundStatus's."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ProviderPayment:
    provider_id: str
    told: Told
    amount_cents: int
    payment_id: int | None
    """Ours, as it was told to the provider; None: somebody paid there by himself."""
    method_id: str = ""
    failure_code: str = ""


@dataclass(frozen=True, kw_only=True)
class ProviderRefund:
    provider_id: str
    told: RefundTold
    refund_id: int | None
    """Ours; None: made at the provider by hand."""
    payment_provider_id: str
    amount_cents: int
    failure_code: str = ""


@dataclass(frozen=True, kw_only=True)
class ProviderDispute:
    provider_id: str
    payment_provider_id: str
    amount_cents: int
    is_lost: bool
    is_won: bool
    """Neither: it is open."""


@dataclass(frozen=True, kw_only=True)
class ProviderCard:
    provider_id: str
    brand: str
    last4: str
    expires_month: int
    expires_year: int


_AFTER = {
    "pending": frozenset(Told),
    "requires_action": frozenset(Told) - {Told.PENDING},
    "failed": frozenset({Told.SUCCEEDED}),
    "canceled": frozenset({Told.SUCCEEDED}),
}
"""Present status -> what may follow; a status that is not here is the end."""


def may_follow(present: str, told: Told) -> bool:
    """Whether the provider's word is news to a payment with the status `present`."""
    return told != present and told in _AFTER.get(present, ())


_REFUND_RANK = {"pending": 0, "succeeded": 1, "failed": 2}


def refund_may_follow(present: str, told: RefundTold) -> bool:
    """A refund that was paid may still come back, days later; never the other way."""
    return _REFUND_RANK[told] > _REFUND_RANK[present]


_WORDS = {
    "authentication_required": (
        gettext_noop(
            "Your bank wants you to confirm this payment. Choose Pay now and confirm"
            " it."
        ).english
    ),
    "card_declined": gettext_noop(
        "Your bank declined the card. Ask your bank, or use another card."
    ).english,
    "generic_decline": (
        gettext_noop(
            "Your bank declined the card and gave no reason. Ask your bank, or use"
            " another card."
        ).english
    ),
    "insufficient_funds": (
        gettext_noop(
            "The card has insufficient funds. Use another card, or try again later."
        ).english
    ),
    "expired_card": gettext_noop("The card has expired. Add another card.").english,
    "incorrect_cvc": gettext_noop(
        "The card's security code is wrong. Add the card again."
    ).english,
    "lost_card": gettext_noop("Your bank declined the card. Use another card.").english,
    "stolen_card": gettext_noop(
        "Your bank declined the card. Use another card."
    ).english,
    "processing_error": (
        gettext_noop(
            "The payment could not be processed. Try again in a few minutes."
        ).english
    ),
    "expired": gettext_noop(
        "The payment page was not used in time. Choose Pay now for a new one."
    ).english,
    "refused": (
        gettext_noop(
            "The payment could not be started. We have been told; nothing was charged."
        ).english
    ),
}
_OTHERWISE = gettext_noop("The payment failed. Try again, or use another card.").english


def failure_words(code: str) -> str:
    """For the tenant: what happened, and what to do. Empty for no code."""
    return _WORDS.get(code, _OTHERWISE) if code else ""


_REFUND_WORDS = {
    "expired_or_canceled_card": gettext_noop(
        "The card has expired or was canceled."
    ).english,
    "lost_or_stolen_card": gettext_noop(
        "The card was reported as lost or stolen."
    ).english,
    "declined": gettext_noop("The bank declined it.").english,
    "charge_for_pending_refund_disputed": gettext_noop(
        "The payment is disputed with the bank."
    ).english,
    "refused": gettext_noop("The payment provider refused it.").english,
}
_REFUND_OTHERWISE = gettext_noop("The bank sent it back and gave no reason.").english


def refund_failure_words(code: str) -> str:
    """For the tenant: why a refund did not arrive."""
    return _REFUND_WORDS.get(code, _REFUND_OTHERWISE)


CARD_CENTS_MIN = 50
"""The least that Stripe charges in US dollars. Nobody is dunned for less."""
RETRY_SECONDS = (30, 60, 300, 900, 3600, 3 * 3600)
"""Between tries to reach a provider, after a minute for the try itself."""


def retry_after_seconds(tries: int) -> int:
    """Before the next try, after so many (1 or more)."""
    return RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1]
