"""Send what was issued to those who pay."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from billing.documents.pdf import credit_note_pdf, invoice_pdf
from billing.domain.document_mail import (
    TRIES_MAX,
    credit_note_mail,
    invoice_mail,
    pause_seconds,
)
from billing.models.credit_notes import CreditNote
from billing.models.document_mails import DocumentMail
from billing.models.invoices import Invoice
from billing.services.credit_notes.describe_credit_note import describe_credit_note
from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.invoices.settle_invoice import due_cents
from billing.services.payments.about_failed_refund import about_failed_refund
from tenants.domain.letters import Letter
from tenants.domain.mail_kinds import MailKind
from tenants.services.find_payer_addresses import find_payer_addresses
from tenants.services.find_staff_addresses import find_staff_addresses
from tenants.services.send_letter import send_letter

MAILS_MAX = 100
"""In one call."""
ABOUT = "document:"
"""Before the row's id, in the log of mails."""
_PROBLEM_CHARACTERS_MAX = 300
_Attachment = tuple[str, bytes, str]
"""Name, content, type."""
_logger = logging.getLogger(__name__)


def send_document_mails(*, now: datetime) -> int:
    """How many were sent, each in its own transaction and once: a process that dies
    between a mail and its commit sends it again, under the same Message-ID.

    One that cannot be sent is tried again later, and given up after TRIES_MAX tries.
    """
    sent = 0
    for _ in range(MAILS_MAX):
        is_sent = _send_next(now)
        if is_sent is None:
            break
        sent += is_sent
    return sent


@transaction.atomic
def _send_next(now: datetime) -> bool | None:
    """Whether the next mail was sent; None: there is none."""
    mail = (
        DocumentMail.objects.filter(
            sent_at=None, try_after__lte=now, tries__lt=TRIES_MAX
        )
        .select_for_update(skip_locked=True)
        .order_by("try_after", "pk")
        .first()
    )
    if mail is None:
        return None
    mail.tries += 1
    try:
        _send(mail)
    except (OSError, ValueError) as error:
        _logger.exception("no mail about %s", mail)
        mail.problem = str(error)[:_PROBLEM_CHARACTERS_MAX]
        mail.try_after = now + timedelta(seconds=pause_seconds(mail.tries))
    else:
        mail.sent_at, mail.problem = now, ""
    mail.save()
    return mail.sent_at is not None


def _send(mail: DocumentMail) -> None:
    """Nothing is sent to a tenant without an address, nor about an amount of 0.00."""
    addresses = _addresses(mail)
    document = mail.invoice or mail.credit_note
    if not addresses or (document and not document.total_cents):
        return
    written, attachments = _written(mail)
    send_letter(
        kind=_kind(mail),
        to=addresses,
        letter=written,
        tenant_id=mail.tenant_id,
        about=f"{ABOUT}{mail.pk}",
        attachments=attachments,
        headers={"Message-ID": f"<document-{mail.pk}@{_host()}>"},
    )


def _kind(mail: DocumentMail) -> MailKind:
    if mail.refund is not None:
        return MailKind.OPERATOR if mail.is_to_staff else MailKind.REFUND
    return MailKind.INVOICE if mail.invoice else MailKind.CREDIT_NOTE


def _written(mail: DocumentMail) -> tuple[Letter, list[_Attachment]]:
    if mail.refund is not None:
        return about_failed_refund(mail.refund, is_to_staff=mail.is_to_staff), []
    document = mail.invoice or mail.credit_note
    assert document is not None  # noqa: S101  the database says so
    written, pdf = (
        _about_invoice(document)
        if isinstance(document, Invoice)
        else _about_note(document)
    )
    return written, [(f"{document.number}.pdf", pdf, "application/pdf")]


def _host() -> str:
    return settings.PORTAL_URL.partition("://")[2].partition(":")[0].strip("/")


def _addresses(mail: DocumentMail) -> list[str]:
    if mail.is_to_staff:
        return find_staff_addresses()
    note = mail.credit_note or (mail.refund and mail.refund.credit_note)
    invoice = mail.invoice or (note and note.invoice)
    buyer = (invoice.buyer if invoice else None) or {}
    return [buyer["email"]] if buyer.get("email") else find_payer_addresses(mail.tenant)


def _about_invoice(invoice: Invoice) -> tuple[Letter, bytes]:
    if invoice.number is None or invoice.due_at is None:
        raise ValueError(gettext("invoice %(pk)s is a draft") % {"pk": invoice.pk})
    written = invoice_mail(
        number=invoice.number,
        currency=invoice.currency,
        total_cents=invoice.total_cents,
        due_cents=due_cents(invoice),
        due_at=invoice.due_at,
        url=f"{settings.PORTAL_URL}/invoices/{invoice.pk}/",
    )
    return written, invoice_pdf(describe_invoice(invoice))


def _about_note(note: CreditNote) -> tuple[Letter, bytes]:
    written = credit_note_mail(
        number=str(note.number),
        invoice_number=str(note.invoice.number),
        currency=note.currency,
        total_cents=note.total_cents,
        applied_cents=note.applied_cents,
        credited_cents=note.credited_cents,
        refunded_cents=note.refunded_cents,
        reason=note.reason,
        url=f"{settings.PORTAL_URL}/credit-notes/{note.pk}/",
    )
    return written, credit_note_pdf(describe_credit_note(note))
