"""The arithmetic of an invoice's document: lines, tax, totals."""

from billing.domain.charges import ChargeKind
from billing.domain.money import amount_of_cents, cents, included_tax_cents, tax_cents
from billing.domain.price_models import PriceModel, amount_of
from billing.verify.wrong import WrongError, check
from billing.wire import InvoiceDocument, InvoiceLine, LinePrice, TaxLine


def check_lines(document: InvoiceDocument) -> int:
    """How many follow from quantity and price alone. Raises WrongError."""
    receipts = document.receipts
    prices = {one.key: one for one in receipts.prices} if receipts else {}
    exact = 0
    for line in document.lines:
        _check_sums(line)
        if line.kind == ChargeKind.USAGE:
            exact += _check_price(line, prices.get(line.key))
    return exact


def _check_sums(line: InvoiceLine) -> None:
    check(
        holds=line.amount_nanos == line.gross_nanos - line.discount_nanos,
        otherwise=f"{line.key}: the amount is not gross less discount",
    )
    check(
        holds=min(line.amount_nanos, line.discount_nanos) >= 0
        and 0 <= line.included_quantity <= line.quantity,
        otherwise=f"{line.key}: something is below zero",
    )
    check(
        holds=line.amount_cents == cents(line.amount_nanos),
        otherwise=f"{line.key}: the cents are not the amount rounded half up",
    )


def _check_price(line: InvoiceLine, price: LinePrice | None) -> bool:
    """Whether the amount follows exactly. A line that goes on from an earlier invoice
    is the difference to it, and can only be bounded here.
    """
    if price is None:
        raise WrongError(f"{line.key}: no price is printed")
    pricing, earlier = price.pricing, price.earlier_quantity
    if line.rate_nanos_per_million is not None:
        check(
            holds=pricing.model is PriceModel.STANDARD
            and line.rate_nanos_per_million == pricing.rate_nanos_per_million,
            otherwise=f"{line.key}: the rate is not that of the printed price",
        )
    if not earlier:
        due = amount_of(pricing, line.quantity - line.included_quantity)
        check(
            holds=line.gross_nanos == due,
            otherwise=f"{line.key}: {line.gross_nanos} nanos are billed, by the"
            f" price it is {due}",
        )
        return True
    at_most = amount_of(pricing, earlier + line.quantity)
    check(
        holds=line.gross_nanos <= at_most,
        otherwise=f"{line.key}: more is billed than the whole month costs, {at_most}",
    )
    return False


def check_totals(document: InvoiceDocument) -> None:
    """Raises WrongError."""
    lines = sum(line.amount_cents for line in document.lines)
    exact = sum(line.amount_nanos for line in document.lines)
    tax = sum(one.tax_cents for one in document.taxes)
    taxable = sum(one.taxable_cents for one in document.taxes)
    for one in document.taxes:
        _check_tax(one, is_inclusive=document.is_tax_inclusive)
    net = lines - tax if document.is_tax_inclusive else lines
    due = document.total_cents - document.credit_applied_cents
    due -= document.paid_cents + document.credited_cents
    paid = sum(one.amount_cents for one in document.payments)
    for holds, what in (
        (document.total_nanos == exact, "the exact total is not that of the lines"),
        (document.tax_cents == tax, "the tax is not the sum of its groups"),
        (not document.taxes or taxable == net, "not all that is sold is taxed"),
        (document.net_cents == net, "the net total is not that of the lines"),
        (document.total_cents == net + tax, "the total is not net and tax"),
        (document.paid_cents == paid, "what was paid is not the sum of the payments"),
        (
            document.due_cents == (0 if document.status == "void" else due),
            "what is due is not the total less what was paid and credited",
        ),
        (
            (document.total, document.due)
            == (
                amount_of_cents(document.total_cents),
                amount_of_cents(document.due_cents),
            ),
            "what is printed is not the cents",
        ),
    ):
        check(holds=holds, otherwise=what)


def _check_tax(one: TaxLine, *, is_inclusive: bool) -> None:
    if is_inclusive:
        sold = one.taxable_cents + one.tax_cents
        due = included_tax_cents(sold, one.rate_basis_points)
    else:
        due = tax_cents(one.taxable_cents, one.rate_basis_points)
    check(
        holds=one.tax_cents == due,
        otherwise=f"the tax of {one.category} {one.country} is not {due} cents",
    )
