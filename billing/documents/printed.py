"""Documents as text: every number, date and sentence as it is printed, so that the
templates only lay out.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.charges import ChargeKind
from billing.domain.money import exact_amount, percent
from billing.wire import (
    CreditNoteDocument,
    InvoiceDocument,
    InvoiceLine,
    Party,
    Seller,
    TaxLine,
)

_HOUR_SECONDS = 3_600
_DAY_SECONDS = 24 * _HOUR_SECONDS
_MINUS = "\N{MINUS SIGN}"
_MARKS = {"draft": "DRAFT", "void": "VOID"}
_ROUNDING = (
    "Each line is rounded once to the cent, half up; tax is rounded once per rate. The"
    " exact amounts are in the CSV and JSON of this document."
)


def printed_invoice(document: InvoiceDocument) -> dict[str, Any]:
    """Texts by name, see `templates/document.typ`."""
    title = f"Invoice {document.number}" if document.number else "Draft invoice"
    return {
        "title": title,
        "mark": _MARKS.get(document.status, ""),
        "facts": _invoice_facts(document),
        **_shared(document),
        "sums": [*_sums(document), *_settled(document)],
        "result": ["Amount due", _written(document.due_cents)],
        "notes": [*_reasons(document.taxes), *_payment(document), _ROUNDING],
    }


def printed_credit_note(document: CreditNoteDocument) -> dict[str, Any]:
    return {
        "title": f"Credit note {document.number or 'draft'}",
        "mark": "" if document.number else _MARKS["draft"],
        "facts": [
            ["Credit note", document.number or "draft"],
            ["Issued", day(document.issued_at) if document.issued_at else "not yet"],
            ["Lowers invoice", document.invoice_number],
            ["Invoice issued", day(document.invoice_issued_at)],
            ["Service period", span(document.period_start, document.period_end)],
        ],
        **_shared(document),
        "sums": _sums(document)[:-1],
        "result": ["Credited in total", _written(document.total_cents)],
        "notes": [
            f"Reason: {document.reason}",
            *_reasons(document.taxes),
            *_where(document),
            f"Invoice {document.invoice_number} is lowered by this. {_ROUNDING}",
        ],
    }


def _where(document: CreditNoteDocument) -> list[str]:
    """Where it went."""
    parts = [
        (document.applied_cents, "less is due of the invoice"),
        (document.credited_cents, "became prepaid credit"),
        (document.refunded_cents, "is paid back to where the invoice was paid from"),
    ]
    return [f"{_written(cents)} {where}." for cents, where in parts if cents]


def _shared(document: InvoiceDocument | CreditNoteDocument) -> dict[str, Any]:
    seller = document.seller
    return {
        "seller": _party(seller),
        "buyer": _party(document.buyer),
        "currency": document.currency,
        "lines": [_line(line) for line in document.lines],
        "footer": _footer(seller),
    }


def _invoice_facts(document: InvoiceDocument) -> list[list[str]]:
    facts = [["Service period", span(document.period_start, document.period_end)]]
    if document.due_at:
        facts.insert(0, ["Due", day(document.due_at)])
    if document.issued_at:
        facts.insert(0, ["Issued", day(document.issued_at)])
    if document.buyer.reference:
        facts.append(["Your reference", document.buyer.reference])
    return [["Invoice", document.number or "draft"], *facts]


def _party(party: Party) -> list[str]:
    city = " ".join(filter(None, [party.postcode, party.city]))
    vat_id = party.vat_id and f"VAT ID {party.vat_id}"
    lines = [party.name, party.address, city, party.country, vat_id]
    return [line for line in lines if line]


def _footer(seller: Seller) -> str:
    return " · ".join(filter(None, [seller.name, seller.vat_id, seller.email]))


def _line(line: InvoiceLine) -> dict[str, Any]:
    notes = []
    if line.kind == ChargeKind.PLAN and line.quantity:
        notes.append(f"held for {_held(line.quantity)}")
    if line.included_quantity:
        notes.append(f"{line.included_quantity:,} of them included")
    if line.discount_nanos:
        notes.append(
            f"{exact_amount(line.gross_nanos)} less a discount of"
            f" {exact_amount(line.discount_nanos)}"
        )
    return {
        "description": line.description,
        "notes": notes,
        "quantity": f"{line.quantity:,}" if line.meter else "",
        "rate": _rate(line),
        "amount": _written(line.amount_cents),
    }


def _rate(line: InvoiceLine) -> str:
    if line.rate_nanos_per_million is not None:
        return exact_amount(line.rate_nanos_per_million)
    return "by quantity" if line.kind == ChargeKind.USAGE else ""


def _held(seconds: int) -> str:
    """`15 days`, `10 days 12 h`; what is below an hour is in the CSV."""
    days, rest = divmod(seconds, _DAY_SECONDS)
    hours = rest // _HOUR_SECONDS
    unit = "day" if days == 1 else "days"
    return f"{days} {unit}" + (f" {hours} h" if hours else "")


def _sums(document: InvoiceDocument | CreditNoteDocument) -> list[list[str]]:
    """Net, each tax, total; where the tax is in the lines, total and what it holds."""
    if document.is_tax_inclusive:
        held = [
            [f"including {tax_name(one)}", _written(one.tax_cents)]
            for one in document.taxes
        ]
        return [*held, ["Total", _written(document.total_cents)]]
    return [
        ["Net", _written(document.net_cents)],
        *([tax_name(one), _written(one.tax_cents)] for one in document.taxes),
        ["Total", _written(document.total_cents)],
    ]


def _settled(document: InvoiceDocument) -> list[list[str]]:
    parts = [
        ("Prepaid credit applied", document.credit_applied_cents),
        ("Paid", document.paid_cents),
        ("Credit notes", document.credited_cents),
    ]
    return [[name, _written(-cents)] for name, cents in parts if cents]


def tax_name(tax: TaxLine) -> str:
    """`VAT 25.5 %`"""
    return f"VAT {percent(tax.rate_basis_points)} %"


def _reasons(taxes: list[TaxLine]) -> list[str]:
    return [f"{tax.reason}." for tax in taxes if tax.reason]


def _payment(document: InvoiceDocument) -> list[str]:
    seller = document.seller
    if document.status == "draft":
        return ["This is a preview of the running month and not a demand for payment."]
    if not seller.iban or document.due_cents <= 0 or not document.due_at:
        return []
    bank = f"IBAN {seller.iban}" + (f", BIC {seller.bic}" if seller.bic else "")
    how = f"by card in the portal, or to {bank}, with the reference {document.number}"
    return [f"Please pay by {day(document.due_at)}: {how}."]


def day(at: datetime) -> str:
    """`2 December 2026`, in UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y}"


def span(start: datetime, end: datetime) -> str:
    """Both days inclusive; `end` is the first instant after."""
    return f"{day(start)} to {day(end - timedelta(microseconds=1))} (UTC)"


def _written(amount_cents: int) -> str:
    """`1,234.50`; the currency is in the head of the column."""
    sign = _MINUS if amount_cents < 0 else ""
    whole, rest = divmod(abs(amount_cents), 100)
    return f"{sign}{whole:,}.{rest:02}"
