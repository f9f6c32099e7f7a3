"""Tell a person that somebody signed in as them from an unknown browser."""

import logging
from datetime import datetime

from django.conf import settings

from tenants.domain.mail_kinds import MailKind
from tenants.domain.sign_in_mail import sign_in_mail
from tenants.models import User
from tenants.services.send_letter import send_letter

_logger = logging.getLogger(__name__)


def send_sign_in_mail(
    user: User, *, user_agent: str, address: str, now: datetime
) -> bool:
    """False: the mail server did not take it; nobody is kept out by that."""
    letter = sign_in_mail(
        email=user.email,
        user_agent=user_agent,
        address=address,
        at=now,
        portal_url=settings.PORTAL_URL,
    )
    try:
        send_letter(kind=MailKind.SECURITY, to=[user.email], letter=letter)
    except OSError:
        _logger.exception("no mail about a sign-in to user %s", user.pk)
        return False
    return True
