"""Which tax a sale bears and how much it is.

Rules of the European Union's value added tax for services that are supplied
electronically (directive 2006/112/EC: articles 44, 58 and 196), and their neighbours:

| seller | buyer | category |
| --- | --- | --- |
| not registered for VAT | anybody | O, outside the scope of tax |
| registered | in the same country, or nobody knows where | S, the seller's rate |
| in the EU | business with a VAT id elsewhere in the EU | AE, reverse charge |
| in the EU | anybody else elsewhere in the EU | S, the buyer's rate (one-stop shop) |
| registered | outside | G, no tax |

Categories are those of EN 16931 (UNCL 5305). Rates are in basis points: 1900 is 19 %.
"""

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from billing.domain.money import included_tax_cents, tax_cents
from billing.errors import NoTaxRateError

EU_COUNTRIES = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR"),
        *("HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI"),
        "SK",
    }
)


class TaxCategory(enum.StrEnum):
    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    OUTSIDE_EU = "G"
    OUT_OF_SCOPE = "O"


@dataclass(frozen=True, kw_only=True)
class TaxTreatment:
    category: TaxCategory
    rate_basis_points: int = 0
    country: str = ""
    """Whose tax it is; empty: nobody's."""
    reason: str = ""
    """As printed, where there is no tax; empty: there is."""


REVERSE_CHARGE = TaxTreatment(
    category=TaxCategory.REVERSE_CHARGE,
    reason="Reverse charge: the recipient is liable for the VAT"
    " (article 196 of directive 2006/112/EC)",
)
OUTSIDE = TaxTreatment(
    category=TaxCategory.OUTSIDE_EU,
    reason="Supplied to a recipient abroad: no VAT is charged"
    " (articles 44 and 59 of directive 2006/112/EC)",
)
OUT_OF_SCOPE = TaxTreatment(
    category=TaxCategory.OUT_OF_SCOPE,
    reason="Not subject to VAT: the seller is not registered for it",
)


@dataclass(frozen=True, kw_only=True)
class TaxQuestion:
    """What the treatment follows from; amounts are no part of it."""

    seller_country: str
    """ISO 3166-1, two letters."""
    seller_vat_id: str
    """Empty: not registered."""
    buyer_country: str
    """Empty: the buyer did not say."""
    buyer_vat_id: str
    buyer_is_business: bool
    on: date
    """The day whose rates hold: the last that is billed."""


class TaxEngine(Protocol):
    def treat(self, question: TaxQuestion) -> TaxTreatment:
        """Called outside of locks and transactions. Must end by itself, with
        TimeoutError or OSError if whoever knows cannot be reached, and raises
        NoTaxRateError rather than guess.
        """


@dataclass(frozen=True, kw_only=True)
class TaxGroup:
    """The lines of one category and rate together."""

    treatment: TaxTreatment
    taxable_cents: int
    tax_cents: int


def countries_asked(question: TaxQuestion) -> set[str]:
    """Those whose rate may decide."""
    return {question.seller_country, question.buyer_country} - {""}


def treat(question: TaxQuestion, rates: Mapping[str, int]) -> TaxTreatment:
    """`rates`: basis points by country, as of the day asked about.

    Raises NoTaxRateError when the rate that decides is not there.
    """
    if not question.seller_vat_id:
        return OUT_OF_SCOPE
    buyer_country = question.buyer_country or question.seller_country
    if buyer_country == question.seller_country:
        return _standard(buyer_country, rates, on=question.on)
    if not {buyer_country, question.seller_country} <= EU_COUNTRIES:
        return OUTSIDE
    if question.buyer_is_business and question.buyer_vat_id:
        return REVERSE_CHARGE
    return _standard(buyer_country, rates, on=question.on)


def _standard(country: str, rates: Mapping[str, int], *, on: date) -> TaxTreatment:
    rate = rates.get(country)
    if rate is None:
        raise NoTaxRateError(f"nobody entered the tax rate of {country} on {on}")
    return TaxTreatment(
        category=TaxCategory.STANDARD if rate else TaxCategory.ZERO,
        rate_basis_points=rate,
        country=country,
    )


def tax_groups(
    lines: Iterable[tuple[TaxTreatment, int]], *, is_inclusive: bool
) -> list[TaxGroup]:
    """`lines`: treatment and cents, with the tax in them if `is_inclusive`.

    The cents of a group are added first, and its tax is rounded once.
    """
    sums: defaultdict[TaxTreatment, int] = defaultdict(int)
    for treatment, amount_cents in lines:
        sums[treatment] += amount_cents
    return [
        _group(treatment, amount_cents, is_inclusive=is_inclusive)
        for treatment, amount_cents in sums.items()
    ]


def _group(
    treatment: TaxTreatment, amount_cents: int, *, is_inclusive: bool
) -> TaxGroup:
    rate = treatment.rate_basis_points
    if is_inclusive:
        tax = included_tax_cents(amount_cents, rate)
        taxable = amount_cents - tax
    else:
        tax, taxable = tax_cents(amount_cents, rate), amount_cents
    return TaxGroup(treatment=treatment, taxable_cents=taxable, tax_cents=tax)


def net_of_lines(line_cents: Sequence[int], taxable_cents: int) -> list[int]:
    """Each line's share of what is taxable, so that the shares add up to it: whole
    cents by largest remainder, of equal ones the first. E-invoices know net lines only.

    Raises ValueError if lines of nothing are to share something.
    """
    total = sum(line_cents)
    if total == taxable_cents:
        return list(line_cents)
    if not total:
        raise ValueError("lines of nothing share nothing")
    shares = [cents * taxable_cents // total for cents in line_cents]
    remainders = [-(cents * taxable_cents % total) for cents in line_cents]
    by_remainder = sorted(range(len(shares)), key=remainders.__getitem__)
    for place in by_remainder[: taxable_cents - sum(shares)]:
        shares[place] += 1
    return shares
