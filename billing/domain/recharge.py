"""When credit is bought by itself, and what the mail says where it cannot be."""

from dataclasses import dataclass

from billing.domain.money import exact_decimal
from tenants.domain.letters import Letter, gettext_noop


@dataclass(frozen=True, kw_only=True)
class RechargeTerms:
    threshold_nanos: int
    """At so much left, or less, credit is bought."""
    amount_cents: int
    monthly_max_cents: int
    """In a calendar month (UTC)."""


@dataclass(frozen=True, kw_only=True)
class RechargeSoFar:
    this_month_cents: int
    """Bought so, or being bought."""
    is_one_open: bool
    has_failed_lately: bool


def is_recharge_due(
    terms: RechargeTerms, so_far: RechargeSoFar, *, left_nanos: int
) -> bool:
    """Never two at once, never beyond the month's most, and not again right after a
    card was declined.
    """
    return (
        left_nanos <= terms.threshold_nanos
        and not so_far.is_one_open
        and not so_far.has_failed_lately
        and so_far.this_month_cents + terms.amount_cents <= terms.monthly_max_cents
    )


def no_card_mail(
    *, tenant_name: str, currency: str, left_nanos: int, url: str
) -> Letter:
    return Letter(
        subject=gettext_noop(
            "%(tenant)s has no card to buy credit with", tenant=tenant_name
        ),
        paragraphs=(
            gettext_noop(
                "%(tenant)s has %(left)s %(currency)s of credit left, and credit should"
                " be bought by itself now. But there is no card that can be charged."
                " Add one, or buy credit by hand:",
                tenant=tenant_name,
                left=exact_decimal(max(left_nanos, 0)),
                currency=currency,
            ),
            url,
        ),
    )
