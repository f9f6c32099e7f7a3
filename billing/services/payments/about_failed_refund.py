"""What the mails about a refund that did not arrive say."""

from django.conf import settings

from billing.domain.document_mail import (
    DocumentText,
    refund_failed_mail,
    refund_failed_staff_mail,
)
from billing.domain.money import amount_of_cents
from billing.models.payments import Refund


def about_failed_refund(refund: Refund, *, is_to_staff: bool) -> DocumentText:
    note = refund.credit_note
    of = f"credit note {note.number}" if note else "credit that was not used"
    amount = f"{amount_of_cents(refund.amount_cents)} {refund.payment.currency}"
    if not is_to_staff:
        return refund_failed_mail(
            amount=amount,
            of=of,
            words=refund.failure_text,
            url=f"{settings.PORTAL_URL}/credit/",
        )
    return refund_failed_staff_mail(
        tenant_name=refund.tenant.name,
        amount=amount,
        of=of,
        words=refund.failure_text,
        url=f"{settings.PORTAL_URL}/operator/tenants/{refund.tenant_id}/credit/",
    )
