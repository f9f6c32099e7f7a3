"""What tax has to do with credit: it is sold without, and spent on invoices with it.

Nobody knows yet, when credit is sold, where its buyer will be and what rate will hold
when it pays for something (ADR 0036): so the tax is on the invoices that it pays.
"""

from billing.domain.money import amount_of_cents, divided_half_up, percent
from billing.domain.taxes import TaxTreatment

_EXAMPLE_CENTS = 100_00
_WHOLE_BASIS_POINTS = 10_000


def credit_tax_words(treatment: TaxTreatment | None, *, is_inclusive: bool) -> str:
    """For the buyer; the tax of today's invoices. None: it is known at the issue."""
    if treatment is None:
        return (
            "No tax is added to this purchase. It is worked out when an invoice is"
            " issued, and credit pays it with the rest."
        )
    if not treatment.rate_basis_points:
        reason = f" {treatment.reason}." if treatment.reason else ""
        return f"No VAT is added, neither now nor on invoices.{reason}"
    rate = f"VAT of {percent(treatment.rate_basis_points)} % ({treatment.country})"
    if is_inclusive:
        return (
            f"No tax is added to this purchase. Prices include {rate}, which is shown"
            " on the invoices that credit pays."
        )
    net = divided_half_up(
        _EXAMPLE_CENTS * _WHOLE_BASIS_POINTS,
        _WHOLE_BASIS_POINTS + treatment.rate_basis_points,
    )
    return (
        f"No tax is added to this purchase. The invoices that credit pays add {rate},"
        f" and it pays that too: {amount_of_cents(_EXAMPLE_CENTS)} are enough for calls"
        f" of {amount_of_cents(net)} and their tax of"
        f" {amount_of_cents(_EXAMPLE_CENTS - net)}."
        " Calls may use all of it; their tax is then owed with the invoice."
    )


def tax_borne_cents(*, gift_cents: int, lines_cents: int, tax_cents: int) -> int:
    """Of an invoice whose tax comes on top of its lines, and of which gifts pay so
    much: the tax on what they pay for, as far as they do not pay it themselves.
    """
    if not lines_cents:
        return 0
    of_gifts = divided_half_up(tax_cents * min(gift_cents, lines_cents), lines_cents)
    return max(0, min(of_gifts, lines_cents + tax_cents - gift_cents))
