"""Tells the operators of journal files that were set aside: once, and surely."""

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from metering.audit_models import QuarantinedSegment
from metering.domain.operator_mails import quarantine_mail
from metering.services.alert_operators import alert_operators
from metering.services.quarantine import FOLDER_NAME

logger = logging.getLogger(__name__)


def alert_quarantine(*, now: datetime, root: Path | None = None) -> list[str]:
    """Mails the operators about files in `journal/quarantine/` that they have not been
    told of, and returns these. A mail that does not go out is tried again with the next
    call: the shipper itself waits for no mail server.
    """
    folder = (root or Path(settings.JOURNAL_FOLDER)) / FOLDER_NAME
    paths = sorted(path for path in folder.glob("*/*.journal"))
    known = set(QuarantinedSegment.objects.values_list("folder", "segment"))
    unknown = [path for path in paths if (path.parent.name, path.name) not in known]
    if not unknown:
        return []
    names = [f"{path.parent.name}/{path.name}" for path in unknown]
    logger.error("%s files in %s are not billed: %s", len(names), folder, names[:5])
    with transaction.atomic():
        QuarantinedSegment.objects.bulk_create(
            [
                QuarantinedSegment(
                    folder=path.parent.name, segment=path.name, found_at=now
                )
                for path in unknown
            ],
            ignore_conflicts=True,
        )
        if not alert_operators(quarantine_mail(names)):
            transaction.set_rollback(True)
    return names
