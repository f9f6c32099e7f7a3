"""An invoice or credit note as its page shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from billing.domain.charges import ChargeKind
from billing.domain.invoice import InvoiceStatus
from billing.domain.money import percent
from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.payments import RefundStatus
from billing.services.credit_notes.describe_credit_note import describe_credit_note
from billing.services.invoices.describe_invoice import describe_invoice
from billing.wire import (
    CreditNoteDocument,
    InvoiceDocument,
    InvoiceLine,
    Party,
    TaxLine,
)
from frontend.lazy import lazy as _
from frontend.usage.meters import METER_TITLES

_PLANS, _FURTHER = _("Plans"), _("On top")
_METHODS = {"card": "card", "bank_transfer": _("bank transfer")}


@dataclass(frozen=True, kw_only=True)
class Row:
    title: str
    line: InvoiceLine
    line_id: int | None = None
    """Of an invoice's line; None: of a credit note's."""

    @property
    def is_usage(self) -> bool:
        return self.line.kind == ChargeKind.USAGE

    @property
    def is_plan(self) -> bool:
        return self.line.kind == ChargeKind.PLAN


@dataclass(kw_only=True)
class Group:
    """Lines that belong together: plans, one model, what comes on top."""

    title: str
    rows: list[Row] = field(default_factory=list)

    @property
    def amount_cents(self) -> int:
        return sum(row.line.amount_cents for row in self.rows)


def invoice_context(invoice: Invoice, *, now: datetime) -> dict[str, Any]:
    document = describe_invoice(invoice)
    ids = dict(invoice.lines.values_list("key", "pk"))
    notes = invoice.credit_notes.filter(status="issued").order_by("issued_at")
    is_open = invoice.status == InvoiceStatus.ISSUED
    return {
        **_shared(document),
        "invoice": invoice,
        "groups": _groups(document.lines, ids),
        "credit_notes": notes,
        "payments": [
            (_METHODS.get(one.method, one.method), one) for one in document.payments
        ],
        "is_draft": invoice.status == InvoiceStatus.DRAFT,
        "is_open": is_open,
        "is_overdue": is_open and bool(invoice.due_at and invoice.due_at < now),
    }


def credit_note_context(note: CreditNote) -> dict[str, Any]:
    document = describe_credit_note(note)
    return {
        **_shared(document),
        "note": note,
        "groups": _groups(document.lines, {}),
        "failed_refunds": note.refunds.filter(status=RefundStatus.FAILED),
        "is_draft": note.status == "draft",
    }


def _shared(document: InvoiceDocument | CreditNoteDocument) -> dict[str, Any]:
    return {
        "document": document,
        "seller_lines": _address(document.seller),
        "buyer_lines": _address(document.buyer),
        "taxes": [(_tax_title(tax), tax) for tax in document.taxes],
        "reasons": [tax.reason for tax in document.taxes if tax.reason],
    }


def _address(party: Party) -> list[str]:
    city = " ".join(filter(None, [party.postcode, party.city]))
    vat_id = party.vat_id and gettext("VAT ID %(vat_id)s") % {"vat_id": party.vat_id}
    return list(filter(None, [party.address, city, party.country, vat_id]))


def _tax_title(tax: TaxLine) -> str:
    where = f" ({tax.country})" if tax.country else ""
    return gettext("VAT %(rate_basis_points)s %%%(where)s") % {
        "rate_basis_points": percent(tax.rate_basis_points),
        "where": where,
    }


def _groups(lines: Iterable[InvoiceLine], ids: dict[str, int]) -> list[Group]:
    groups: dict[str, Group] = {}
    for line in lines:
        title = _group_title(line)
        row = Row(title=_row_title(line), line=line, line_id=ids.get(line.key))
        groups.setdefault(title, Group(title=title)).rows.append(row)
    return list(groups.values())


def _group_title(line: InvoiceLine) -> str:
    if line.model:
        return line.model
    return _PLANS if line.kind == ChargeKind.PLAN else _FURTHER


def _row_title(line: InvoiceLine) -> str:
    return METER_TITLES[line.meter] if line.meter else line.description
