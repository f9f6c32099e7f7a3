"""Which accounts an act moves value between. Debits are positive, credits negative."""

import enum
from dataclasses import dataclass, replace

from billing.domain.credit import CreditKind
from billing.domain.invoice import Tax, Totals
from billing.domain.money import nanos


class AccountKind(enum.StrEnum):
    """The accounts that every tenant has."""

    UNBILLED = "unbilled"
    """Rated and on no issued invoice yet: the drafts, less those of credit notes."""
    RECEIVABLE = "receivable"
    """Issued and not yet paid, in whole cents."""
    REVENUE = "revenue"
    """What is rated, to the nanos."""
    ROUNDING = "rounding"
    """What rounding lines to cents gave (credit) or took (debit)."""
    CREDIT = "credit"
    """Prepaid credit granted: we owe its worth in calls, so it lies below zero."""
    FUNDS = "funds"
    """Money received."""
    TAX = "tax"
    """Charged for the state, in whole cents; we owe it, so it lies below zero."""
    ADJUSTMENTS = "adjustments"
    """What was let go by credit notes for goodwill."""
    UNCOLLECTIBLE = "uncollectible"
    """Owed, and given up."""
    PROMOTIONS = "promotions"
    """What gifts of credit cost us."""
    BREAKAGE = "breakage"
    """Credit that expired before any call used it: ours to keep."""


class TransactionKind(enum.StrEnum):
    USAGE_RATED = "usage_rated"
    INVOICE_ISSUED = "invoice_issued"
    INVOICE_VOIDED = "invoice_voided"
    INVOICE_WRITTEN_OFF = "invoice_written_off"
    CREDIT_NOTE_ISSUED = "credit_note_issued"
    GOODWILL_COVERED = "goodwill_covered"
    CREDIT_GRANTED = "credit_granted"
    CREDIT_DRAWN = "credit_drawn"
    CREDIT_RETURNED = "credit_returned"
    CREDIT_EXPIRED = "credit_expired"
    CREDIT_WITHDRAWN = "credit_withdrawn"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_REVERSED = "payment_reversed"
    REFUND_PAID = "refund_paid"
    REFUND_FAILED = "refund_failed"


@dataclass(frozen=True, kw_only=True)
class Posting:
    account: AccountKind
    amount_nanos: int


def usage_rated(growth_nanos: int) -> list[Posting]:
    """A month's rated total has grown; a rebuilt one may have shrunk (below zero)."""
    return _without_zeros(
        Posting(account=AccountKind.UNBILLED, amount_nanos=growth_nanos),
        Posting(account=AccountKind.REVENUE, amount_nanos=-growth_nanos),
    )


def invoice_issued(totals: Totals, tax: Tax) -> list[Posting]:
    """The draft's exact amount becomes a debt in cents, and the tax one to the state;
    the difference to the cents is booked. Where prices include the tax, it is no
    revenue.
    """
    owed = nanos(totals.cents)
    taxed = nanos(tax.cents)
    return _without_zeros(
        Posting(
            account=AccountKind.RECEIVABLE,
            amount_nanos=owed if tax.is_inclusive else owed + taxed,
        ),
        Posting(account=AccountKind.UNBILLED, amount_nanos=-totals.nanos),
        Posting(account=AccountKind.TAX, amount_nanos=-taxed),
        Posting(account=AccountKind.ROUNDING, amount_nanos=totals.nanos - owed),
        Posting(
            account=AccountKind.REVENUE,
            amount_nanos=taxed if tax.is_inclusive else 0,
        ),
    )


def credit_note_issued(
    totals: Totals, tax: Tax, *, is_adjustment: bool
) -> list[Posting]:
    """The other way round. An adjustment takes back what was rated too much; goodwill
    leaves that as it is and costs us the amount.
    """
    back = [
        replace(posting, amount_nanos=-posting.amount_nanos)
        for posting in invoice_issued(totals, tax)
    ]
    if is_adjustment:
        return back
    return [
        replace(posting, account=AccountKind.ADJUSTMENTS)
        if posting.account is AccountKind.UNBILLED
        else posting
        for posting in back
    ]


def goodwill_covered(growth_nanos: int) -> list[Posting]:
    """Of what was let go, so much more turned out not to be rated at all: it costs us
    nothing then, and no document is to take it back. Below zero, so much less.
    """
    return _moved(
        growth_nanos, debit=AccountKind.UNBILLED, credit=AccountKind.ADJUSTMENTS
    )


_BEHIND_CREDIT = {
    CreditKind.PURCHASED: AccountKind.FUNDS,
    CreditKind.PROMOTIONAL: AccountKind.PROMOTIONS,
}


def credit_granted(
    amount_nanos: int, kind: CreditKind, *, behind: AccountKind | None = None
) -> list[Posting]:
    """The tenant may call for so much more; below zero, for what is withdrawn.

    `behind` is where its worth comes from; None: from what its kind says. What a
    credit note takes from a paid invoice comes from `receivable`.
    """
    return _moved(
        amount_nanos,
        debit=behind or _BEHIND_CREDIT[kind],
        credit=AccountKind.CREDIT,
    )


def credit_drawn(amount_nanos: int) -> list[Posting]:
    """Credit pays for an invoice; below zero, what it paid returns."""
    return _moved(amount_nanos, debit=AccountKind.CREDIT, credit=AccountKind.RECEIVABLE)


def credit_expired(amount_nanos: int) -> list[Posting]:
    """We owe it no longer."""
    return _moved(amount_nanos, debit=AccountKind.CREDIT, credit=AccountKind.BREAKAGE)


def _moved(
    amount_nanos: int, *, debit: AccountKind, credit: AccountKind
) -> list[Posting]:
    return _without_zeros(
        Posting(account=debit, amount_nanos=amount_nanos),
        Posting(account=credit, amount_nanos=-amount_nanos),
    )


def written_off(amount_nanos: int) -> list[Posting]:
    """So much of what is owed is given up; below zero, it is owed again, or came."""
    return _moved(
        amount_nanos,
        debit=AccountKind.UNCOLLECTIBLE,
        credit=AccountKind.RECEIVABLE,
    )


def invoice_voided(totals: Totals, tax: Tax) -> list[Posting]:
    """As if it had not been issued: what it billed is unbilled again."""
    return credit_note_issued(totals, tax, is_adjustment=True)


def payment_received(amount_nanos: int) -> list[Posting]:
    """Money for what was owed."""
    return _moved(amount_nanos, debit=AccountKind.FUNDS, credit=AccountKind.RECEIVABLE)


def payment_reversed(amount_nanos: int) -> list[Posting]:
    """The bank took it back: it is owed again."""
    return payment_received(-amount_nanos)


def spent_credit_reversed(amount_nanos: int) -> list[Posting]:
    """The bank took back what had bought credit, and calls had spent that already."""
    return _without_zeros(
        Posting(account=AccountKind.UNCOLLECTIBLE, amount_nanos=amount_nanos),
        Posting(account=AccountKind.FUNDS, amount_nanos=-amount_nanos),
    )


def refund_paid(amount_nanos: int) -> list[Posting]:
    """A credit note had made us owe it; now it has left."""
    return payment_received(-amount_nanos)


def refund_failed(amount_nanos: int) -> list[Posting]:
    """It came back: we owe it again."""
    return payment_received(amount_nanos)


def _without_zeros(*postings: Posting) -> list[Posting]:
    """An entry of nothing says nothing, and the ledger refuses it."""
    return [posting for posting in postings if posting.amount_nanos]
