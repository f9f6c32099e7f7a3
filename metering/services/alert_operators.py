"""A mail to every operator."""

import logging

from django.contrib.auth import get_user_model

from tenants.domain.mail_kinds import MailKind
from tenants.services.send_mail import send_mail

_logger = logging.getLogger(__name__)


def alert_operators(subject: str, text: str) -> bool:
    """Whether the mail went out. One that cannot be sent is logged with its text: the
    caller's work must not fail by it.
    """
    users = get_user_model().objects.filter(is_staff=True, is_active=True)
    addresses = sorted(users.exclude(email="").values_list("email", flat=True))
    try:
        # One mail each: operators need not learn each other's addresses.
        for to in addresses:
            send_mail(
                kind=MailKind.OPERATOR,
                to=[to],
                subject=f"Tokenfab: {subject}",
                text=text,
            )
    except OSError:
        _logger.exception("no mail to the operators (%s): %s", subject, text)
        return False
    return True
