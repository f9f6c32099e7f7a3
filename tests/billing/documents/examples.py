"""Documents as the tests of the printed and the electronic invoice need them."""

from datetime import UTC, datetime
from typing import Any

from billing.domain.money import amount_nanos, amount_of_cents, cents, exact_amount
from billing.domain.taxes import TaxCategory, TaxTreatment, tax_groups
from billing.wire import (
    Buyer,
    CreditNoteDocument,
    InvoiceDocument,
    InvoiceLine,
    Seller,
    TaxLine,
)

SELLER = Seller(
    name="Tokenfab Example GmbH",
    address="Hauptstraße 1",
    postcode="10115",
    city="Berlin",
    country="DE",
    vat_id="DE136695976",
    email="billing@seller.example",
    iban="DE89370400440532013000",
    bic="COBADEFFXXX",
)
BUYER = Buyer(
    name="Acme <#pdf> & Søn ApS",
    address="Strøget 2, 3. sal",
    postcode="1000",
    city="København",
    country="DE",
    email="accounts@acme.example",
    is_business=True,
)
STANDARD = TaxTreatment(
    category=TaxCategory.STANDARD, rate_basis_points=1900, country="DE"
)


def _line(gross: int, discount: int, **fields) -> InvoiceLine:
    return InvoiceLine(
        gross_nanos=gross,
        discount_nanos=discount,
        amount_nanos=gross - discount,
        amount=exact_amount(gross - discount),
        amount_cents=cents(gross - discount),
        **fields,
    )


def usage_line(quantity=15_000_000, rate=400_000_000, *, included=0, discount=0):
    """Of output tokens, by default at 0.40 USD per million."""
    return _line(
        amount_nanos(quantity - included, rate),
        discount,
        key="usage:7:output_tokens",
        kind="usage",
        description="smollm2-135m-instruct, output tokens",
        model="smollm2-135m-instruct",
        meter="output_tokens",
        price_version_id=7,
        quantity=quantity,
        included_quantity=included,
        rate_nanos_per_million=rate,
    )


def plan_line(gross=20_000_000_000, discount=0):
    return _line(
        gross,
        discount,
        key="plan:3",
        kind="plan",
        description="Plan Standard, 1 to 30 November 2026",
        model=None,
        meter=None,
        price_version_id=None,
        quantity=2_592_000,
        included_quantity=0,
        rate_nanos_per_million=None,
    )


def _sums(lines, treatment, *, is_tax_inclusive) -> dict[str, Any]:
    groups = tax_groups(
        [(treatment, line.amount_cents) for line in lines],
        is_inclusive=is_tax_inclusive,
    )
    net = sum(group.taxable_cents for group in groups)
    tax = sum(group.tax_cents for group in groups)
    return {
        "lines": list(lines),
        "is_tax_inclusive": is_tax_inclusive,
        "taxes": [
            TaxLine(
                category=group.treatment.category.value,
                rate_basis_points=group.treatment.rate_basis_points,
                country=group.treatment.country,
                taxable_cents=group.taxable_cents,
                tax_cents=group.tax_cents,
                reason=group.treatment.reason,
            )
            for group in groups
        ],
        "net_cents": net,
        "tax_cents": tax,
        "total_cents": net + tax,
        "total": amount_of_cents(net + tax),
        "total_nanos": sum(line.amount_nanos for line in lines),
    }


def invoice(
    *lines: InvoiceLine, treatment=STANDARD, is_tax_inclusive=False, **fields
) -> InvoiceDocument:
    sums = _sums(
        lines or (plan_line(), usage_line()),
        treatment,
        is_tax_inclusive=is_tax_inclusive,
    )
    applied = fields.get("credit_applied_cents", 0) + fields.get("paid_cents", 0)
    due = sums["total_cents"] - applied - fields.get("credited_cents", 0)
    return InvoiceDocument(
        **{
            "number": "TF-2026-000001",
            "status": "issued",
            "tenant": "Acme",
            "currency": "USD",
            "period_start": datetime(2026, 11, 1, tzinfo=UTC),
            "period_end": datetime(2026, 12, 1, tzinfo=UTC),
            "issued_at": datetime(2026, 12, 2, 8, tzinfo=UTC),
            "due_at": datetime(2026, 12, 16, 8, tzinfo=UTC),
            "seller": SELLER,
            "buyer": BUYER,
            **sums,
            "credit_applied_cents": 0,
            "paid_cents": 0,
            "payments": [],
            "credited_cents": 0,
            "credit_notes": [],
            "due_cents": due,
            "due": amount_of_cents(due),
            **fields,
        }
    )


def credit_note(
    *lines: InvoiceLine, treatment=STANDARD, **fields
) -> CreditNoteDocument:
    is_inclusive = fields.pop("is_tax_inclusive", False)
    sums = _sums(lines or (usage_line(),), treatment, is_tax_inclusive=is_inclusive)
    return CreditNoteDocument(
        **{
            "number": "TF-2026-C000001",
            "kind": "adjustment",
            "reason": "300 tokens were counted twice",
            "tenant": "Acme",
            "currency": "USD",
            "invoice_number": "TF-2026-000001",
            "invoice_issued_at": datetime(2026, 12, 2, 8, tzinfo=UTC),
            "period_start": datetime(2026, 11, 1, tzinfo=UTC),
            "period_end": datetime(2026, 12, 1, tzinfo=UTC),
            "issued_at": datetime(2026, 12, 5, 8, tzinfo=UTC),
            "seller": SELLER,
            "buyer": BUYER,
            **sums,
            "applied_cents": sums["total_cents"],
            "credited_cents": 0,
            "refunded_cents": 0,
            **fields,
        }
    )
