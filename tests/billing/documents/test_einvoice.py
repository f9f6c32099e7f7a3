"""E-invoices, read back, and tried by the business rules of EN 16931."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from billing.documents.einvoice import e_invoice
from billing.domain.money import cents
from billing.domain.taxes import (
    OUT_OF_SCOPE,
    OUTSIDE,
    REVERSE_CHARGE,
    TaxCategory,
    TaxTreatment,
)
from billing.errors import IncompleteDocumentError
from billing.wire import CreditNoteDocument, InvoiceDocument
from tests.billing.documents.examples import (
    BUYER,
    SELLER,
    STANDARD,
    credit_note,
    invoice,
    plan_line,
    usage_line,
)
from tests.billing.documents.schematron import broken_rules

RAM = (
    "{urn:un:unece:uncefact:data:standard:"
    "ReusableAggregateBusinessInformationEntity:100}"
)
IN_FRANCE = replace(BUYER, country="FR", vat_id="FR40303265045")
FINNISH = TaxTreatment(category=TaxCategory.STANDARD, rate_basis_points=2550)
UNREGISTERED = replace(SELLER, vat_id="")
EXAMPLES = {
    "domestic": invoice(),
    "discount and included usage": invoice(
        plan_line(discount=5_000_000_000),
        usage_line(included=5_000_000, discount=100_000_000),
    ),
    "credit applied and paid": invoice(credit_applied_cents=1_000, paid_cents=500),
    "all paid by credit": invoice(credit_applied_cents=3_094),
    "reverse charge": invoice(treatment=REVERSE_CHARGE, buyer=IN_FRANCE),
    "outside": invoice(treatment=OUTSIDE, buyer=replace(BUYER, country="US")),
    "not registered": invoice(
        treatment=OUT_OF_SCOPE, seller=UNREGISTERED, buyer=IN_FRANCE
    ),
    "what an earlier invoice left over": invoice(
        replace(usage_line(), quantity=0, rate_nanos_per_million=400_000_000)
    ),
    "tax inclusive": invoice(
        plan_line(), usage_line(), usage_line(333), is_tax_inclusive=True
    ),
    "the smallest rate": invoice(usage_line(10**13, 1)),
    "credit note": credit_note(),
    "inclusive credit note": credit_note(is_tax_inclusive=True),
}


@dataclass
class Read:
    """What a machine finds."""

    root: etree._Element

    def all(self, *path: str) -> list[str]:
        found = self.root.findall(".//" + "/".join(RAM + name for name in path))
        return [element.text for element in found]

    def usd(self, *path: str) -> Decimal:
        (text,) = self.all(*path)
        return Decimal(text)


def read(document: InvoiceDocument | CreditNoteDocument) -> Read:
    return Read(etree.fromstring(e_invoice(document)))


@pytest.mark.parametrize("document", EXAMPLES.values(), ids=EXAMPLES)
def test_it_works(document):
    """It keeps every rule of EN 16931, and the amounts are those of the document."""
    assert broken_rules(e_invoice(document)) == []

    found = read(document)
    sums = "SpecifiedTradeSettlementHeaderMonetarySummation"
    lines = found.all(
        "SpecifiedTradeSettlementLineMonetarySummation", "LineTotalAmount"
    )
    line_total = found.usd(sums, "LineTotalAmount")
    taxable, tax = (
        found.usd(sums, "TaxBasisTotalAmount"),
        found.usd(sums, "TaxTotalAmount"),
    )
    total, due = (
        found.usd(sums, "GrandTotalAmount"),
        found.usd(sums, "DuePayableAmount"),
    )
    prepaid = found.usd(sums, "TotalPrepaidAmount")
    assert sum(map(Decimal, lines)) == line_total == taxable  # BR-CO-10 and 13
    assert taxable * 100 == document.net_cents
    assert tax * 100 == document.tax_cents  # BR-CO-14
    assert taxable + tax == total  # BR-CO-15
    assert total - prepaid == due  # BR-CO-16
    assert total * 100 == document.total_cents
    if isinstance(document, InvoiceDocument):
        assert due * 100 == document.due_cents


def test_the_rules_notice_a_wrong_sum():
    """Else the test above could not fail."""
    xml = e_invoice(invoice())
    wrong = xml.replace(b"<ram:DuePayableAmount>30.94", b"<ram:DuePayableAmount>30.95")
    (broken,) = broken_rules(wrong)
    assert broken.startswith("[BR-CO-16]")


def test_a_line_tells_quantity_times_rate():
    found = read(invoice(usage_line(15_000_001, 123_456_789)))
    assert found.all("BilledQuantity") == ["15000001"]
    assert found.all("NetPriceProductTradePrice", "ChargeAmount") == ["0.123456789"]
    assert found.all("NetPriceProductTradePrice", "BasisQuantity") == ["1000000"]


def test_text_of_tenants_is_text():
    assert "Acme <#pdf> & Søn ApS" in read(invoice()).all("Name")


def test_a_credit_note_names_its_invoice():
    found = read(credit_note())
    assert found.all("InvoiceReferencedDocument", "IssuerAssignedID") == [
        "TF-2026-000001"
    ]
    assert "381" in found.all("TypeCode")


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"number": None}, "a number"),
        ({"buyer": replace(BUYER, country="")}, "a country of the buyer"),
        ({"taxes": []}, "one kind of tax"),
        (
            {"seller": replace(UNREGISTERED, email="")},
            "a VAT id or e-mail address",
        ),
    ],
)
def test_it_refuses_what_is_not_complete(fields, missing):
    with pytest.raises(IncompleteDocumentError, match=missing):
        e_invoice(replace(invoice(), **fields))


@st.composite
def documents(draw):
    """Of any lines, buyers and taxes that billing can come to."""
    usage = st.builds(
        usage_line,
        st.integers(1, 10**12),
        st.integers(0, 10**10),
    )
    plans = st.builds(plan_line, st.integers(0, 10**13))
    lines = draw(st.lists(usage | plans, min_size=1, max_size=12))
    lines = [_with_discount(draw, line) for line in lines]
    treatment = draw(
        st.sampled_from([STANDARD, FINNISH, REVERSE_CHARGE, OUTSIDE, OUT_OF_SCOPE])
    )
    make = draw(st.sampled_from([invoice, credit_note]))
    return make(
        *lines,
        treatment=treatment,
        is_tax_inclusive=draw(st.booleans()),
        buyer=IN_FRANCE,
    )


def _with_discount(draw, line):
    discount = draw(st.integers(0, line.gross_nanos))
    amount = line.gross_nanos - discount
    return replace(
        line,
        discount_nanos=discount,
        amount_nanos=amount,
        amount_cents=cents(amount),
    )


# Run once with 2,000 examples.
@settings(deadline=None, max_examples=40)
@given(document=documents())
def test_whatever_is_billed_keeps_every_rule(document):
    assert broken_rules(e_invoice(document)) == []
