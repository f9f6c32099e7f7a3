"""Fetch the texts that proxies handed over, for projects that still want them."""

import logging
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from redis import Redis, RedisError

from metering.text_models import KeptText
from metering.wire import CALL_TEXTS_KEY, CallText
from tenants.models import Project
from tenants.services.valkey import open_valkey

_log = logging.getLogger(__name__)
_BATCH = 100
"""13 MB at most."""
_decode = msgspec.json.Decoder(CallText).decode


def store_texts() -> int:
    """How many were taken from the list. What is stored is taken away only afterwards,
    so that a crash loses none: a text that is stored already changes nothing.
    """
    taken = 0
    try:
        with open_valkey() as valkey:
            while waiting := valkey.lrange(CALL_TEXTS_KEY, 0, _BATCH - 1):
                _store([_decode(text) for text in waiting])
                taken += _take_away(valkey, waiting)
    except RedisError as error:
        _log.warning("texts of calls wait: %s", error)
    return taken


def _store(texts: list[CallText]) -> None:
    wanted = set(
        Project.objects.filter(
            pk__in={text.project_id for text in texts},
            text_retention_days__isnull=False,
        ).values_list("pk", flat=True)
    )
    rows = [_row(text) for text in texts if text.project_id in wanted]
    KeptText.objects.bulk_create(rows, ignore_conflicts=True)


def _row(text: CallText) -> KeptText:
    return KeptText(
        event_id=UUID(text.event_id),
        tenant_id=text.tenant_id,
        project_id=text.project_id,
        happened_at=datetime.fromtimestamp(text.happened_at_us / 1e6, UTC),
        request=text.request,
        answer=text.answer,
        is_streamed=text.is_streamed,
        is_cut=text.is_cut,
    )


def _take_away(valkey: Redis, texts: list[str]) -> int:
    """By value, not by place: another process may have taken some meanwhile."""
    with valkey.pipeline(transaction=False) as pipeline:
        for text in texts:
            pipeline.lrem(CALL_TEXTS_KEY, 1, text)
        return sum(pipeline.execute())
