"""A mail to every operator."""

import logging

from tenants.domain.letters import Letter
from tenants.domain.mail_kinds import MailKind
from tenants.services.find_staff_addresses import find_staff_addresses
from tenants.services.send_letter import send_letter

_logger = logging.getLogger(__name__)


def alert_operators(letter: Letter) -> bool:
    """Whether the mail went out. One that cannot be sent is logged with its text: the
    caller's work must not fail by it.
    """
    try:
        # One mail each: operators need not learn each other's addresses.
        for to in find_staff_addresses():
            send_letter(kind=MailKind.OPERATOR, to=[to], letter=letter)
    except OSError:
        _logger.exception(
            "no mail to the operators: %s\n%s", letter.subject, letter.text
        )
        return False
    return True
