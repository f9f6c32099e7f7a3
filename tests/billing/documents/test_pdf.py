"""The PDFs, read back."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from lxml import etree
from msgspec.structs import replace
from pypdf import PdfReader

from billing.documents.einvoice import e_invoice
from billing.documents.facturx import announced
from billing.documents.pdf import credit_note_pdf, invoice_pdf
from billing.domain.taxes import REVERSE_CHARGE
from tests.billing.documents.examples import (
    BUYER,
    SELLER,
    credit_note,
    invoice,
    plan_line,
    usage_line,
)

FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"


def read(pdf: bytes) -> PdfReader:
    return PdfReader(BytesIO(pdf), strict=True)


def text_of(pdf: bytes) -> str:
    """Of all pages, with single spaces."""
    pages = [page.extract_text() for page in read(pdf).pages]
    return " ".join(" ".join(pages).split())


def test_it_works():
    document = invoice(
        plan_line(discount=5_000_000_000),
        usage_line(included=5_000_000),
        credit_applied_cents=1_000,
    )
    pdf = invoice_pdf(document)
    text = text_of(pdf)
    for words in (
        "Invoice TF-2026-000001",
        "Issued 2 December 2026",
        "Due 16 December 2026",
        "1 November 2026 to 30 November 2026",
        SELLER.name,
        "VAT ID DE136695976",
        "Acme <#pdf> & Søn ApS",
        "Plan Standard, 1 to 30 November 2026 held for 30 days 20.00 less",
        "a discount of 5.00 15.00",
        "5,000,000 of them included 15,000,000 0.40 4.00",
        "Net 19.00 VAT 19 % 3.61 Total 22.61",
        "Prepaid credit applied −10.00",  # noqa: RUF001  a minus is meant
        "Amount due USD 12.61",
        "IBAN DE89370400440532013000",
        "page 1 of 1",
    ):
        assert words in text
    (attached,) = read(pdf).attachments["factur-x.xml"]
    assert attached == e_invoice(document)


def test_it_is_pdf_a_3b_and_says_what_is_inside():
    root: Any = read(invoice_pdf(invoice())).trailer["/Root"]
    metadata = root["/Metadata"].get_object().get_data()
    described = {
        element.tag: element.text
        for element in etree.fromstring(metadata.partition(b"?>")[2]).iter()
        if isinstance(element.tag, str)
    }
    pdf_a = "{http://www.aiim.org/pdfa/ns/id/}"
    assert (described[f"{pdf_a}part"], described[f"{pdf_a}conformance"]) == ("3", "B")
    assert described[f"{FX}DocumentFileName"] == "factur-x.xml"
    assert described[f"{FX}ConformanceLevel"] == "EN 16931"
    (file,) = root["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Alternative"


def test_the_same_document_gives_the_same_bytes():
    first = invoice_pdf(invoice())
    assert invoice_pdf(replace(invoice(), tenant="Another")) == first
    assert invoice_pdf(invoice(plan_line())) != first
    assert invoice_pdf(invoice()) == first


def test_threads_may_ask_at_once():
    documents = [invoice(usage_line(number)) for number in range(1, 9)]
    with ThreadPoolExecutor(8) as threads:
        pdfs = list(threads.map(invoice_pdf, documents))
    assert pdfs == [invoice_pdf(document) for document in documents]


def test_a_long_invoice_repeats_its_head_and_ends_with_its_sums():
    document = invoice(*[usage_line(number * 10**6) for number in range(1, 121)])
    pages = [page.extract_text() for page in read(invoice_pdf(document)).pages]
    assert len(pages) >= 4
    assert all("Description" in page and "Quantity" in page for page in pages[:-1])
    assert f"page 1 of {len(pages)}" in pages[0]
    assert "Amount due" in pages[-1]
    assert sum(page.count("output tokens") for page in pages) == 120


def test_a_draft_says_so_and_is_no_e_invoice():
    draft = replace(invoice(), status="draft", number=None, issued_at=None, due_at=None)
    text = text_of(invoice_pdf(draft))
    assert "DRAFT" in text
    assert "not a demand for payment" in text
    assert "Please pay" not in text
    assert not read(invoice_pdf(draft)).attachments


def test_a_void_invoice_says_so():
    assert "VOID" in text_of(invoice_pdf(invoice(status="void")))
    assert "VOID" not in text_of(invoice_pdf(invoice()))


def test_included_tax_is_told_from_tax_on_top():
    text = text_of(invoice_pdf(invoice(plan_line(), is_tax_inclusive=True)))
    assert "including VAT 19 % 3.19 Total 20.00" in text


def test_a_price_without_one_rate_and_a_part_of_a_day_are_told():
    by_steps = replace(usage_line(), rate_nanos_per_million=None)
    text = text_of(
        invoice_pdf(invoice(replace(plan_line(), quantity=907_200), by_steps))
    )
    assert "held for 10 days 12 h" in text
    assert "15,000,000 by quantity 6.00" in text


def test_whoever_pays_no_tax_reads_why():
    document = invoice(
        treatment=REVERSE_CHARGE,
        buyer=replace(BUYER, country="FR", vat_id="FR40303265045"),
    )
    text = text_of(invoice_pdf(document))
    assert "VAT 0 % 0.00" in text
    assert "article 196 of directive 2006/112/EC" in text


def test_a_credit_note_names_invoice_and_reason():
    document = credit_note()
    text = text_of(credit_note_pdf(document))
    assert "Credit note TF-2026-C000001" in text
    assert "Lowers invoice TF-2026-000001" in text
    assert "300 tokens were counted twice" in text
    assert "Net 6.00 VAT 19 % 1.14 Credited in total USD 7.14" in text
    assert "7.14 less is due of the invoice." in text
    (attached,) = read(credit_note_pdf(document)).attachments["factur-x.xml"]
    assert attached == e_invoice(document)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("株式会社 Ab", "???? Ab"),
        ("Zwölf Ωmega Жан", "Zwölf Ωmega Жан"),
        ("a\x01b\ufdd0", "a b"),
        ("nobody's \u0378 sign", "nobody's ? sign"),
        ('"quoted" \\u0041', '"quoted" \\u0041'),
    ],
)
def test_any_name_can_be_printed(name, printed):
    pdf = invoice_pdf(invoice(buyer=replace(BUYER, name=name)))
    assert f"To {printed} Strøget" in text_of(pdf)


def test_what_cannot_be_printed_is_whole_in_the_e_invoice():
    pdf = invoice_pdf(invoice(buyer=replace(BUYER, name="株式会社 Ab")))
    (attached,) = read(pdf).attachments["factur-x.xml"]
    assert "株式会社 Ab" in attached.decode()


def test_it_refuses_to_announce_in_a_pdf_it_does_not_know():
    with pytest.raises(ValueError, match="laid out"):
        announced(b"%PDF-1.7\n%%EOF")
