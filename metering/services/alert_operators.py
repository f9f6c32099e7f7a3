"""A mail to every operator."""

import logging
from smtplib import SMTPException

from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection

_logger = logging.getLogger(__name__)


def alert_operators(subject: str, text: str) -> bool:
    """Whether the mail went out. One that cannot be sent is logged with its text: the
    caller's work must not fail by it.
    """
    users = get_user_model().objects.filter(is_staff=True, is_active=True)
    addresses = sorted(users.exclude(email="").values_list("email", flat=True))
    # One mail each: operators need not learn each other's addresses.
    mails = [EmailMessage(f"Tokenfab: {subject}", text, to=[to]) for to in addresses]
    try:
        get_connection().send_messages(mails)
    except (OSError, SMTPException):
        _logger.exception("no mail to the operators (%s): %s", subject, text)
        return False
    return True
