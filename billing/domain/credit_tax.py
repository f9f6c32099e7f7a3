"""What tax has to do with credit: it is sold without, and spent on invoices with it.

Nobody knows yet, when credit is sold, where its buyer will be and what rate will hold
when it pays for something (ADR 0036): so the tax is on the invoices that it pays.
"""

from billing.domain.money import decimal_of_document, divided_half_up, percent
from billing.domain.taxes import TaxTreatment
from tenants.domain.letters import Text, gettext_noop

_EXAMPLE_CENTS = 100_00
_WHOLE_BASIS_POINTS = 10_000


def credit_tax_words(treatment: TaxTreatment | None, *, is_inclusive: bool) -> Text:
    """For the buyer; the tax of today's invoices. None: it is known at the issue."""
    if treatment is None:
        return gettext_noop(
            "No tax is added to this purchase. It is worked out when an invoice is"
            " issued, and credit pays it with the rest."
        )
    if not treatment.rate_basis_points:
        reason = f" {treatment.reason}." if treatment.reason else ""
        return gettext_noop(
            "No VAT is added, neither now nor on invoices.%(reason)s", reason=reason
        )
    rate = gettext_noop(
        "VAT of %(percent)s %% (%(country)s)",
        percent=percent(treatment.rate_basis_points),
        country=treatment.country,
    )
    if is_inclusive:
        return gettext_noop(
            "No tax is added to this purchase. Prices include %(rate)s, which is shown"
            " on the invoices that credit pays.",
            rate=rate,
        )
    net = divided_half_up(
        _EXAMPLE_CENTS * _WHOLE_BASIS_POINTS,
        _WHOLE_BASIS_POINTS + treatment.rate_basis_points,
    )
    return gettext_noop(
        "No tax is added to this purchase. The invoices that credit pays add %(rate)s,"
        " and it pays that too: %(all)s are enough for calls of %(net)s and their"
        " tax of %(tax)s. Calls may use all of it; their tax is then owed with the"
        " invoice.",
        rate=rate,
        all=decimal_of_document(_EXAMPLE_CENTS),
        net=decimal_of_document(net),
        tax=decimal_of_document(_EXAMPLE_CENTS - net),
    )


def tax_borne_cents(*, gift_cents: int, lines_cents: int, tax_cents: int) -> int:
    """Of an invoice whose tax comes on top of its lines, and of which gifts pay so
    much: the tax on what they pay for, as far as they do not pay it themselves.
    """
    if not lines_cents:
        return 0
    of_gifts = divided_half_up(tax_cents * min(gift_cents, lines_cents), lines_cents)
    return max(0, min(of_gifts, lines_cents + tax_cents - gift_cents))
