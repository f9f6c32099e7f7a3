"""Tells the operators of journal files that were set aside: once, and surely."""

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from metering.audit_models import QuarantinedSegment
from metering.services.alert_operators import alert_operators
from metering.services.quarantine import FOLDER_NAME

logger = logging.getLogger(__name__)

NAMED_MAX = 20
"""Files in one mail; the others are counted."""


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
        if not alert_operators("usage was set aside and is not billed", _text(names)):
            transaction.set_rollback(True)
    return names


def _text(names: list[str]) -> str:
    listed = "\n".join(f"  {name}" for name in names[:NAMED_MAX])
    more = len(names) - NAMED_MAX
    rest = f"\n  and {more} more" if more > 0 else ""
    return (
        "These records of the usage journal could not be stored. They lie in"
        f" journal/quarantine/ and are not billed:\n\n{listed}{rest}\n\n"
        "Look at one with `manage.py journal inspect`, mend it, and ship it with\n"
        "`manage.py journal replay`. docs/operations.md says how.\n"
    )
