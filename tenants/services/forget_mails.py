"""Delete rows of the log of mails that are older than it is kept: they name people."""

from datetime import datetime, timedelta

from tenants.mail_models import MAILS_KEPT_DAYS, SentMail

_MARGIN = timedelta(hours=1)
"""PostgreSQL's clock decides what may go."""


def forget_mails(*, now: datetime) -> int:
    """How many went."""
    before = now - timedelta(days=MAILS_KEPT_DAYS) - _MARGIN
    count, _ = SentMail.objects.filter(at__lt=before).delete()
    return count
