"""Tax on an invoice, from who sells to whom."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.documents.einvoice import e_invoice
from billing.documents.pdf import invoice_pdf
from billing.domain.taxes import TaxQuestion, TaxTreatment
from billing.errors import NoTaxRateError, TaxChangedError
from billing.models.invoices import Invoice
from billing.models.tax_rates import TaxRate
from billing.models.taxes import LegalEntity, TaxProfile
from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.taxes.quote_tax import OwnTaxEngine
from tests.billing.documents.schematron import broken_rules
from tests.billing.usage import DECEMBER, NOON, balances, draft_of, use

CENT = 10_000_000


@pytest.fixture
def seller(db):  # noqa: ARG001  opens the database
    return LegalEntity.objects.create(
        name="Tokenfab Example GmbH",
        address="Hauptstraße 1",
        postcode="10115",
        city="Berlin",
        country="DE",
        vat_id="DE136695976",
        email="billing@seller.example",
    )


@pytest.fixture
def buyer(tenant):
    return TaxProfile.objects.create(
        tenant=tenant, name="Acme SARL", country="FR", city="Lyon", is_business=False
    )


@pytest.fixture
def draft(tenant, price, seller):  # noqa: ARG001  somebody sells
    """25,000,000 tokens at 0.40 USD: 10 USD."""
    use(tenant, price, 25_000_000)
    rate_usage(now=NOON)
    return draft_of(tenant)


def taxes_of(invoice: Invoice) -> list[tuple[str, int, str, int, int]]:
    return list(
        invoice.taxes.values_list(
            "category", "rate_basis_points", "country", "taxable_cents", "tax_cents"
        )
    )


def test_it_works(tenant, draft):
    """Nobody said where the tenant is: it is taxed like one at home."""
    invoice = issue_invoice(draft.pk, now=DECEMBER)
    invoice.refresh_from_db()
    assert taxes_of(invoice) == [("S", 1900, "DE", 1000, 190)]
    assert (invoice.lines_cents, invoice.tax_cents) == (1000, 190)
    assert invoice.total_cents == 1190
    assert balances(tenant)["tax"] == -190 * CENT
    assert balances(tenant)["receivable"] == 1190 * CENT


def test_a_consumer_elsewhere_in_the_eu_pays_its_own_rate(draft, buyer):  # noqa: ARG001
    invoice = issue_invoice(draft.pk, now=DECEMBER)
    assert taxes_of(invoice) == [("S", 2000, "FR", 1000, 200)]


def test_a_business_elsewhere_in_the_eu_owes_it_itself(draft, buyer):
    buyer.is_business, buyer.vat_id = True, "FR40303265045"
    buyer.save()
    document = describe_invoice(issue_invoice(draft.pk, now=DECEMBER))
    (tax,) = document.taxes
    assert (tax.category, tax.tax_cents, document.total_cents) == ("AE", 0, 1000)
    assert "article 196" in tax.reason
    assert broken_rules(e_invoice(document)) == []


def test_prices_may_hold_the_tax(tenant, seller, draft):
    LegalEntity.objects.filter(pk=seller.pk).update(is_tax_inclusive=True)
    invoice = issue_invoice(draft.pk, now=DECEMBER)
    assert taxes_of(invoice) == [("S", 1900, "DE", 840, 160)]
    assert (invoice.lines_cents, invoice.total_cents) == (1000, 1000)
    assert balances(tenant)["receivable"] == 1000 * CENT
    assert balances(tenant)["revenue"] == -840 * CENT


def test_a_draft_shows_what_it_would_be_today(draft, buyer):  # noqa: ARG001
    document = describe_invoice(draft)
    assert (document.tax_cents, document.total_cents) == (200, 1200)
    assert document.seller.vat_id == "DE136695976"
    assert document.buyer.name == "Acme SARL"
    assert not draft.taxes.exists()


def test_an_issued_one_keeps_who_it_was(draft, buyer):
    invoice = issue_invoice(draft.pk, now=DECEMBER)
    before = describe_invoice(invoice)
    TaxProfile.objects.filter(pk=buyer.pk).update(name="Acme SAS", country="DE")
    LegalEntity.objects.update(name="Another GmbH")
    TaxRate.objects.filter(country="FR").update(rate_basis_points=2200)
    invoice = Invoice.objects.get(pk=invoice.pk)
    assert describe_invoice(invoice) == before
    assert invoice_pdf(describe_invoice(invoice)) == invoice_pdf(before)


def test_it_refuses_without_a_rate(draft, buyer):
    TaxProfile.objects.filter(pk=buyer.pk).update(country="ES")
    TaxRate.objects.filter(country="ES").delete()
    with pytest.raises(NoTaxRateError, match="ES"):
        issue_invoice(draft.pk, now=DECEMBER)
    draft.refresh_from_db()
    assert draft.status == "draft"
    assert describe_invoice(draft).taxes == []


def test_who_sells_and_buys_is_read_once_to_ask_and_once_under_the_lock(draft, buyer):
    assert buyer.legal_entity_id is None  # so the seller is looked for besides
    with CaptureQueriesContext(connection) as queries:
        issue_invoice(draft.pk, now=DECEMBER)

    reads = [one["sql"] for one in queries if one["sql"].startswith("SELECT")]
    for table in ("billing_taxprofile", "billing_legalentity"):
        assert sum(f'FROM "{table}"' in sql for sql in reads) == 2


def test_a_seller_is_made_by_the_first_issue_and_not_by_looking(tenant, price):
    use(tenant, price, 25_000_000)
    rate_usage(now=NOON)
    draft = draft_of(tenant)
    LegalEntity.objects.all().delete()

    assert describe_invoice(draft).seller.name == "Tokenfab"
    assert not LegalEntity.objects.exists()

    issue_invoice(draft.pk, now=DECEMBER)
    assert LegalEntity.objects.get().number_prefix == "TF"


class EngineWhileTheBuyerMoves(OwnTaxEngine):
    def treat(self, question: TaxQuestion) -> TaxTreatment:
        treatment = super().treat(question)
        TaxProfile.objects.update(country="ES")
        return treatment


def test_it_refuses_an_answer_to_another_question(draft, buyer, settings):
    settings.TAX_ENGINE = f"{__name__}.EngineWhileTheBuyerMoves"
    with pytest.raises(TaxChangedError):
        issue_invoice(draft.pk, now=DECEMBER)
    draft.refresh_from_db()
    assert draft.status == "draft"

    issue_invoice(draft.pk, now=DECEMBER)  # it has moved, and stays
    buyer.refresh_from_db()
    assert taxes_of(draft)[0][2] == "ES"
