"""Those who pay get each document once."""

from datetime import timedelta

import pytest

from billing.domain.document_mail import TRIES_MAX
from billing.models.credit_notes import CreditNoteTarget
from billing.models.document_mails import DocumentMail
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.invoices.send_document_mails import send_document_mails
from tests.billing.invoices import issue_of, make_buyer, make_seller
from tests.billing.usage import DECEMBER

DAY = timedelta(days=1)


@pytest.fixture
def invoice(tenant, price):
    """4.76 USD."""
    make_buyer(tenant, make_seller(), email="books@example.com")
    return issue_of(tenant, price, 10_000_000)


def test_it_works(invoice, mailoutbox):
    assert send_document_mails(now=DECEMBER) == 1

    (mail,) = mailoutbox
    assert mail.to == ["books@example.com"]
    assert mail.subject == f"Invoice {invoice.number}"
    assert "4.76 USD by 15 December 2026" in mail.body
    assert f"/invoices/{invoice.pk}/" in mail.body
    ((name, content, kind),) = mail.attachments
    assert (name, kind) == (f"{invoice.number}.pdf", "application/pdf")
    assert content.startswith(b"%PDF-")


@pytest.mark.usefixtures("invoice")
def test_none_is_sent_twice(mailoutbox):
    send_document_mails(now=DECEMBER)

    assert send_document_mails(now=DECEMBER + DAY) == 0
    assert len(mailoutbox) == 1
    assert DocumentMail.objects.get().sent_at == DECEMBER


def test_a_credit_note_says_where_the_money_is(invoice, mailoutbox):
    note = credit_invoice(
        invoice.pk,
        reason="slow answers",
        target=CreditNoteTarget.CREDIT,
        idempotency_key="T1",
        now=DECEMBER,
        cents=100,
    )

    assert send_document_mails(now=DECEMBER) == 2

    mail = mailoutbox[1]
    assert mail.subject == f"Credit note {note.number} for invoice {invoice.number}"
    assert "lowered by 1.19 USD" in mail.body
    assert "slow answers" in mail.body
    assert "1.19 USD: less is due" in mail.body
    assert mail.attachments[0][1].startswith(b"%PDF-")


def test_nobody_is_mailed_about_nothing(tenant, price, mailoutbox):
    make_buyer(tenant, make_seller(), email="books@example.com")
    issue_of(tenant, price, 1)

    send_document_mails(now=DECEMBER)

    assert not mailoutbox
    assert DocumentMail.objects.get().sent_at == DECEMBER


@pytest.mark.usefixtures("invoice")
def test_a_mail_that_cannot_be_sent_is_tried_again_and_then_given_up(
    settings, mailoutbox
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens
    for tries in range(1, TRIES_MAX + 1):
        assert send_document_mails(now=DECEMBER + tries * DAY) == 0
        mail = DocumentMail.objects.get()
        assert (mail.tries, mail.sent_at) == (tries, None)
        assert mail.problem
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert send_document_mails(now=DECEMBER + 100 * DAY) == 0
    assert not mailoutbox
