"""Stripe's test payment methods, and how each behaves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Behaviour:
    brand: str = "visa"
    last4: str = "4242"
    exp_year: int = 2030
    decline: tuple[str, str | None] | None = None
    """(code, decline code) of every charge; None: it is not declined."""
    needs_authentication: bool = False
    """3-D Secure: off-session it is declined, on-session the person is asked."""
    is_late: bool = False
    """A charge stays `processing` until it is settled from outside."""
    is_disputed: bool = False
    """The cardholder disputes a charge as soon as it was made."""


CARDS = {
    "pm_card_visa": Behaviour(),
    "pm_card_mastercard": Behaviour("mastercard", "4444"),
    "pm_card_chargeCustomerFail": Behaviour(
        last4="0341", decline=("card_declined", "generic_decline")
    ),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Behaviour(
        last4="9995", decline=("card_declined", "insufficient_funds")
    ),
    "pm_card_chargeDeclinedExpiredCard": Behaviour(
        last4="0069", exp_year=2026, decline=("expired_card", None)
    ),
    "pm_card_authenticationRequired": Behaviour(
        last4="3184", needs_authentication=True
    ),
    "pm_card_createDispute": Behaviour(last4="0259", is_disputed=True),
    # A bank debit at Stripe; the simulator knows cards alone.
    "pm_card_settledLate": Behaviour(last4="6789", is_late=True),
}
