"""What the mails about a refund that did not arrive say."""

from django.conf import settings

from billing.domain.document_mail import (
    refund_failed_mail,
    refund_failed_staff_mail,
)
from billing.domain.money import decimal_of_document
from billing.models.payments import Refund
from tenants.domain.letters import Letter, gettext_noop


def about_failed_refund(refund: Refund, *, is_to_staff: bool) -> Letter:
    note = refund.credit_note
    of = (
        gettext_noop("credit note %(number)s", number=str(note.number))
        if note
        else gettext_noop("credit that was not used")
    )
    amount = decimal_of_document(refund.amount_cents)
    if not is_to_staff:
        return refund_failed_mail(
            amount=amount,
            currency=refund.payment.currency,
            of=of,
            words=refund.failure_text,
            url=f"{settings.PORTAL_URL}/credit/",
        )
    return refund_failed_staff_mail(
        tenant_name=refund.tenant.name,
        amount=amount,
        currency=refund.payment.currency,
        of=of,
        words=refund.failure_text,
        url=f"{settings.PORTAL_URL}/operator/tenants/{refund.tenant_id}/credit/",
    )
