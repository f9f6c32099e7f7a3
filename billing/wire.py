"""Invoices and credit notes as the documents that leave the house: what the JSON, the
PDF, the e-invoice and the page show, and what whoever checks the arithmetic reads.
"""

from datetime import datetime

import msgspec

from billing.domain.price_models import MeterPricing
from metering.domain.receipts import CallReceipt, IntervalReceipt


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells or buys, as of the issue."""

    name: str
    """Legal name."""
    address: str = ""
    """Street and number, as one line."""
    postcode: str = ""
    city: str = ""
    country: str = ""
    """ISO 3166-1, two letters; empty: not known."""
    vat_id: str = ""
    """With its country's prefix; empty: none."""
    email: str = ""


class Seller(Party, frozen=True, kw_only=True):
    iban: str = ""
    """Where a bank transfer goes; empty: transfers are not taken."""
    bic: str = ""


class Buyer(Party, frozen=True, kw_only=True):
    is_business: bool = False
    reference: str = ""
    """Its own, such as a number of an order."""


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """amount = gross - discount; the cents are the amount rounded half up, once."""

    key: str
    """What is billed, the same on all documents of a month: `usage:7:output_tokens`,
    `plan:3`, `percentage`, `minimum`, `commitment:3`.
    """
    kind: str
    """`plan`, `usage`, `percentage`, `minimum` or `commitment`."""
    description: str
    model: str | None
    """None, like the three below: not a line of usage."""
    meter: str | None
    price_version_id: int | None
    quantity: int
    """Tokens, images or MB_s, as the meter says; of a plan, seconds; else 1."""
    included_quantity: int
    """How much of the quantity the plan includes."""
    rate_nanos_per_million: int | None
    """None: the price is not one rate."""
    gross_nanos: int
    discount_nanos: int
    amount_nanos: int
    amount: str
    """The amount before rounding, exactly: `0.0000123`."""
    amount_cents: int


class TaxLine(msgspec.Struct, frozen=True, kw_only=True):
    """The tax of all lines of one category and rate, rounded once."""

    category: str
    """As in EN 16931: S standard rate, Z zero rate, E exempt, AE reverse charge, G
    outside the European Union, O outside the scope of tax.
    """
    rate_basis_points: int
    country: str
    """Whose tax it is; empty: nobody's."""
    taxable_cents: int
    tax_cents: int
    reason: str
    """Why there is none; empty: there is."""


class NoteOfInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note as the invoice that it lowers lists it."""

    number: str
    issued_at: datetime
    total_cents: int


class PaymentOfInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came in for an invoice."""

    paid_at: datetime
    method: str
    amount_cents: int


class LinePrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a line of usage follows from."""

    key: str
    """Of the line."""
    pricing: MeterPricing
    earlier_quantity: int
    """What earlier invoices bill of the same month; the price is of all together."""


class InvoiceReceipts(msgspec.Struct, frozen=True, kw_only=True):
    """The receipts of what an issued invoice bills."""

    merkle_root: str
    """RFC 6962, SHA-256, hexadecimal: of the receipts' hashes in their order."""
    count: int
    first_sequence: int | None
    """None: it bills no usage."""
    last_sequence: int | None
    prices: list[LinePrice]
    key_id: str
    """Of the public key that the signature is checked by."""
    signature: str
    """Ed25519, hexadecimal, over this document without what still changes: see
    `billing.domain.invoice_digest`."""


class InvoiceDocument(msgspec.Struct, frozen=True, kw_only=True):
    number: str | None
    """None: a draft."""
    status: str
    tenant: str
    """Its name."""
    currency: str
    period_start: datetime
    period_end: datetime
    """Exclusive."""
    issued_at: datetime | None
    """None: a draft."""
    due_at: datetime | None
    """None: a draft."""
    seller: Seller
    buyer: Buyer
    is_tax_inclusive: bool
    """Whether the lines hold the tax already."""
    lines: list[InvoiceLine]
    taxes: list[TaxLine]
    net_cents: int
    tax_cents: int
    total_cents: int
    """net + tax: what is owed."""
    total: str
    """The same, as `12.34`."""
    total_nanos: int
    """The sum of the lines before they were rounded."""
    credit_applied_cents: int
    """Prepaid credit that it drew."""
    paid_cents: int
    payments: list[PaymentOfInvoice]
    credited_cents: int
    """By how much credit notes lowered what is due."""
    credit_notes: list[NoteOfInvoice]
    due_cents: int
    """total - credit applied - paid - credited."""
    due: str
    receipts: InvoiceReceipts | None = None
    """None: a draft, or not asked for."""


class CreditNoteDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Lowers one issued invoice; all amounts are above zero and taken off."""

    number: str | None
    """None: a draft."""
    kind: str
    """`adjustment`: it was too much; `goodwill`: we let some of it go."""
    reason: str
    tenant: str
    currency: str
    invoice_number: str
    invoice_issued_at: datetime
    period_start: datetime
    period_end: datetime
    """Exclusive; both of the invoice."""
    issued_at: datetime | None
    """None: a draft."""
    seller: Seller
    buyer: Buyer
    is_tax_inclusive: bool
    lines: list[InvoiceLine]
    taxes: list[TaxLine]
    net_cents: int
    tax_cents: int
    total_cents: int
    total: str
    total_nanos: int
    applied_cents: int
    """The part of the total by which less is due."""
    credited_cents: int
    """The part that became prepaid credit."""
    refunded_cents: int
    """The part that goes back to where the invoice was paid from."""


class ReceiptProof(msgspec.Struct, frozen=True, kw_only=True):
    """That a receipt is among those of an invoice."""

    index: int
    """Of the receipt, from 0."""
    size: int
    """How many the invoice bills."""
    hashes: list[str]
    """Hexadecimal, from the leaf to the root: RFC 9162, 2.1.3."""


class SignedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt, as it is downloaded alone."""

    receipt: CallReceipt | IntervalReceipt
    hash: str
    key_id: str
    signature: str
    """Ed25519, hexadecimal, over `metering.domain.signed_texts.receipt_text`."""
    invoice: str | None
    """The number of the invoice that bills it; None: none does yet."""
    proof: ReceiptProof | None
    """None: no invoice bills it yet."""
