"""Which accounts an act moves value between. Debits are positive, credits negative."""

import enum
from dataclasses import dataclass

from billing.domain.invoice import Totals
from billing.domain.money import nano_usd


class AccountKind(enum.StrEnum):
    """The accounts that every tenant has."""

    UNBILLED = "unbilled"
    """Rated usage that is on no issued invoice yet: the drafts."""
    RECEIVABLE = "receivable"
    """Issued and not yet paid, in whole cents."""
    REVENUE = "revenue"
    """Rated usage, to the nano-USD."""
    ROUNDING = "rounding"
    """What rounding lines to cents gave (credit) or took (debit)."""
    CREDIT = "credit"
    """Prepaid credit granted: we owe its worth in calls, so it lies below zero."""
    FUNDS = "funds"
    """What stands behind granted credit: money received, or a gift of ours."""


class TransactionKind(enum.StrEnum):
    USAGE_RATED = "usage_rated"
    INVOICE_ISSUED = "invoice_issued"
    CREDIT_GRANTED = "credit_granted"


@dataclass(frozen=True, kw_only=True)
class Posting:
    account: AccountKind
    amount_nano_usd: int


def usage_rated(growth_nano_usd: int) -> list[Posting]:
    """A month's rated total has grown; a rebuilt one may have shrunk (below zero)."""
    return _without_zeros(
        Posting(account=AccountKind.UNBILLED, amount_nano_usd=growth_nano_usd),
        Posting(account=AccountKind.REVENUE, amount_nano_usd=-growth_nano_usd),
    )


def invoice_issued(totals: Totals) -> list[Posting]:
    """The draft's exact amount becomes a debt in cents; the difference is booked."""
    owed = nano_usd(totals.cents)
    return _without_zeros(
        Posting(account=AccountKind.RECEIVABLE, amount_nano_usd=owed),
        Posting(account=AccountKind.UNBILLED, amount_nano_usd=-totals.nano_usd),
        Posting(account=AccountKind.ROUNDING, amount_nano_usd=totals.nano_usd - owed),
    )


def credit_granted(amount_nano_usd: int) -> list[Posting]:
    """The tenant may call for so much more."""
    return _without_zeros(
        Posting(account=AccountKind.FUNDS, amount_nano_usd=amount_nano_usd),
        Posting(account=AccountKind.CREDIT, amount_nano_usd=-amount_nano_usd),
    )


def _without_zeros(*postings: Posting) -> list[Posting]:
    """An entry of nothing says nothing, and the ledger refuses it."""
    return [posting for posting in postings if posting.amount_nano_usd]
