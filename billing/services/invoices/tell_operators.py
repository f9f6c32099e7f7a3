"""Mail operators about drafts that cannot be issued."""

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction

from billing.domain.document_mail import blocks_mail
from billing.models.issue_blocks import IssueBlock
from tenants.domain.mail_kinds import MailKind
from tenants.services.find_staff_addresses import find_staff_addresses
from tenants.services.send_letter import send_letter

BLOCKS_MAX = 100
"""In one mail."""

_logger = logging.getLogger(__name__)


def tell_operators(*, now: datetime) -> int:
    """How many blocks were told, each once, all in one mail. A mail that cannot be sent
    is logged, and tried again by the next call.
    """
    try:
        return _tell(now)
    except OSError:
        _logger.exception("no mail about drafts that are not issued")
        return 0


@transaction.atomic
def _tell(now: datetime) -> int:
    blocks = list(
        IssueBlock.objects.filter(told_at=None)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("tenant")
        .order_by("pk")[:BLOCKS_MAX]
    )
    addresses = find_staff_addresses()
    if not (blocks and addresses):
        return 0
    rows = IssueBlock.objects.filter(pk__in=[block.pk for block in blocks])
    rows.update(told_at=now)
    mail = blocks_mail(
        [(block.tenant.name, block.reason) for block in blocks],
        url=f"{settings.PORTAL_URL}/operator/blocked/",
    )
    send_letter(
        kind=MailKind.OPERATOR,
        to=addresses,
        letter=mail,
    )
    return len(blocks)
