"""A tenant in euros and one in dollars call the same model.

Given a model with a price in each list, and a card in euros,
when both use it and are billed,
then each pays by its own list, and every document, mail, event and payment of the one
says EUR.
"""

import csv
import io
import json

import pytest
from django.core import mail
from msgspec.structs import replace

from billing.documents.einvoice import e_invoice
from billing.models.credit_notes import CreditNoteTarget
from billing.models.invoices import Invoice
from billing.models.price_books import PriceBook
from billing.models.provider import StripeInvoice
from billing.models.rating import BillingPeriod
from billing.models.webhooks import WebhookMessage
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.exports.export_costs import export_costs
from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.send_document_mails import send_document_mails
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.work_off_order import work_off_orders
from billing.services.rating.rate_usage import rate_usage
from tenants.models import Tenant
from tests.billing.documents.test_pdf import text_of
from tests.billing.paying import add_card
from tests.billing.usage import (
    DECEMBER,
    NOON,
    NOVEMBER,
    check_books,
    draft_of,
    make_price,
    use,
)
from tests.billing.webhooks import make_endpoint
from tests.factories import make_tenant, make_user
from tests.frontend.people import client_of

MILLION = 1_000_000


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


@pytest.fixture
def american():
    return make_tenant(owner=make_user())


@pytest.fixture
def european(american):
    """What it pays 3.50 EUR for costs the other one 4.00 USD."""
    found = make_tenant(name="Bonn", owner=make_user(), currency="EUR")
    make_endpoint(found)
    euros = PriceBook.objects.list_book("EUR")
    dollar_price = make_price()
    euro_price = make_price(
        dollar_price.served_model, rates=(90_000, 18_000, 350_000), price_book=euros
    )
    use(american, dollar_price, 10 * MILLION)
    use(found, euro_price, 10 * MILLION)
    rate_usage(now=NOON)
    return found


def issued(tenant: Tenant) -> Invoice:
    return issue_invoice(draft_of(tenant).pk, now=DECEMBER)


def told(tenant: Tenant) -> dict[str, str]:
    """Currency by type of what the tenant's endpoint was sent."""
    rows = WebhookMessage.objects.filter(tenant=tenant)
    messages = [json.loads(row.payload) for row in rows]
    return {
        one["type"]: one["data"]["currency"]
        for one in messages
        if "currency" in one["data"]
    }


def test_it_works(american, european, stripe_sim):
    add_card(stripe_sim, european)

    american_invoice, invoice = issued(american), issued(european)

    assert (american_invoice.currency, american_invoice.lines_cents) == ("USD", 4_00)
    assert (invoice.currency, invoice.lines_cents) == ("EUR", 3_50)
    payment = collect_invoice(invoice.pk, now=DECEMBER)
    assert payment
    work_off_orders(now=DECEMBER)
    payment.refresh_from_db()
    assert (payment.status, payment.currency) == ("succeeded", "EUR")
    (intent,) = stripe_sim.store.all_of("payment_intent")
    copy = stripe_sim.store.get("invoice", StripeInvoice.objects.get().stripe_id)
    assert (intent["currency"], copy["currency"]) == ("eur", "eur")
    note = credit_invoice(
        invoice.pk,
        reason="slow",
        target=CreditNoteTarget.CREDIT,
        idempotency_key="1",
        cents=100,
        now=DECEMBER,
    )
    assert note.currency == "EUR"
    assert told(european) == dict.fromkeys(
        ("invoice.issued", "payment.succeeded", "invoice.paid", "credit_note.issued"),
        "EUR",
    ) | dict.fromkeys(told(european), "EUR")
    check_books(european)
    check_books(american)


def test_every_document_says_it(european):
    invoice = issued(european)
    document = describe_invoice(invoice)

    assert document.currency == "EUR"
    xml = e_invoice(
        replace(
            document,
            seller=replace(document.seller, vat_id="DE136695976", country="DE"),
            buyer=replace(document.buyer, country="DE"),
        )
    )
    assert b"<ram:InvoiceCurrencyCode>EUR" in xml
    assert b"USD" not in xml
    send_document_mails(now=DECEMBER)
    (sent,) = mail.outbox
    assert f"over {document.total} EUR" in sent.body
    ((_, pdf, _),) = sent.attachments
    assert f"Amount due EUR {document.due}" in text_of(pdf)
    table = export_costs(european, start=NOVEMBER, end=DECEMBER.replace(day=2))
    place = [column.name for column in table.columns].index("BillingCurrency")
    assert {row[place] for row in table.rows} == {"EUR"}
    page = client_of(european.members.get().user).get(f"/invoices/{invoice.pk}/csv/")
    rows = list(csv.DictReader(io.StringIO(b"".join(page).decode())))
    assert {row["currency"] for row in rows} == {"EUR"}


def test_it_refuses_to_bill_a_price_in_another_currency(european):
    """As an old proxy would have it: the call was charged by the list in dollars."""
    dollars = PriceBook.objects.list_book().price_versions.get()
    use(european, dollars, MILLION)

    rate_usage(now=NOON)

    period = BillingPeriod.objects.get(tenant=european)
    assert str(dollars.pk) in period.problem
