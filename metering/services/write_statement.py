"""Keeps a judgement: as a new version of its statement, unless it says nothing new."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from metering.audit_models import (
    EngineEpoch,
    ReconciliationLine,
    ReconciliationStatement,
)
from metering.domain.reconciliation import Bucket, Line
from metering.services.judge_epoch import Judgement


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a statement is about."""

    engine_id: int
    epoch: EngineEpoch | None
    model: str
    day: date


@dataclass(frozen=True, kw_only=True)
class Written:
    statement: ReconciliationStatement
    previous: ReconciliationStatement | None
    """The version before; the same one if nothing new was said."""

    @property
    def says_a_new_difference(self) -> bool:
        if self.statement == self.previous:
            return False
        found = _differences(self.statement)
        return bool(found) and (
            self.previous is None or found != _differences(self.previous)
        )


def write_statement(
    judgement: Judgement, subject: Subject, *, known_until: datetime, now: datetime
) -> Written:
    """To be called by one at a time for a day: versions are counted here."""
    about = vars(subject)
    versions = ReconciliationStatement.objects.filter(**about)
    latest = versions.order_by("-version").first()
    fields, lines = _fields(judgement), _lines(judgement)
    if latest is not None and _says_the_same(latest, fields, lines):
        return Written(statement=latest, previous=latest)
    statement = ReconciliationStatement.objects.create(
        **about,
        version=latest.version + 1 if latest else 1,
        shipped_up_to=known_until,
        judged_at=now,
        **fields,
    )
    ReconciliationLine.objects.bulk_create(
        ReconciliationLine(statement=statement, **line) for line in lines
    )
    return Written(statement=statement, previous=latest)


def _differences(statement: ReconciliationStatement) -> dict[str, int]:
    """By source; those at rest where there are any."""
    lines = statement.lines.exclude(difference=0).order_by("is_exact")
    return {line.source: line.difference for line in lines}


def _fields(judgement: Judgement) -> dict[str, Any]:
    return {
        "status": judgement.status.value,
        "opening_id": judgement.opening.pk if judgement.opening else None,
        "closing_id": judgement.closing.pk if judgement.closing else None,
        "last_id": judgement.last.pk if judgement.last else None,
        "events": judgement.events,
        "events_left": judgement.events_left,
        **{f"unprovable_{name}": n for name, n in judgement.unprovable.items()},
    }


def _lines(judgement: Judgement) -> list[dict[str, Any]]:
    parts = ((True, judgement.exact), (False, judgement.bounded))
    return [_line(line, is_exact=is_exact) for is_exact, of in parts for line in of]


def _line(line: Line, *, is_exact: bool) -> dict[str, Any]:
    return {
        "is_exact": is_exact,
        "source": line.source.value,
        "engine": line.engine,
        **{bucket.value: line.buckets[bucket] for bucket in Bucket},
        "least": line.least,
        "most": line.most,
        "difference": line.difference,
    }


def _says_the_same(
    latest: ReconciliationStatement,
    fields: dict[str, Any],
    lines: list[dict[str, Any]],
) -> bool:
    if any(getattr(latest, name) != value for name, value in fields.items()):
        return False
    names = ("is_exact", "source", *_NUMBERS)
    known = {tuple(getattr(row, n) for n in names) for row in latest.lines.all()}
    return known == {tuple(line[n] for n in names) for line in lines}


_NUMBERS = ("engine", *(b.value for b in Bucket), "least", "most", "difference")
