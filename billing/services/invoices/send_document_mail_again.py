"""Send a mail about a document once more."""

from datetime import datetime

from billing.models.document_mails import DocumentMail
from billing.services.invoices.send_document_mails import ABOUT


def send_document_mail_again(about: str, *, now: datetime) -> bool:
    """`about`: as the log of mails names it. It goes out within half a minute, to whom
    it would go now, and is tried as often as a new one. False: there is no such mail.
    """
    number = about.removeprefix(ABOUT)
    if number == about or not number.isdecimal():
        return False
    rows = DocumentMail.objects.filter(pk=int(number))
    return bool(rows.update(sent_at=None, tries=0, problem="", try_after=now))
