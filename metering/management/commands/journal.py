"""`manage.py journal`: look into the journals, check them, ship a file again."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from metering.domain.journal_format import HEAD_BYTES
from metering.services.inspect_journal import (
    SegmentReport,
    inspect_journal,
    inspect_segment,
    read_batches,
)
from metering.services.replay_segment import replay_segment
from metering.services.verify_journal import verify_journal


class Command(BaseCommand):
    help = "Looks into the journals of usage events (inspect, verify, replay)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        inspect = acts.add_parser("inspect", help="list segments and what is in them")
        inspect.add_argument("segment", nargs="?", type=Path, help="one file, in full")
        inspect.add_argument(
            "--payloads",
            action="store_true",
            help="only each record's JSON, a line each",
        )
        acts.add_parser("verify", help="is every record stored? exit status 1 if not")
        replay = acts.add_parser("replay", help="ship the events of a file again")
        replay.add_argument("segment", type=Path, help="a segment, or mended .jsonl")

    def handle(
        self,
        *,
        act: str,
        segment: Path | None = None,
        payloads: bool = False,
        **_: object,
    ) -> None:
        root = Path(settings.JOURNAL_FOLDER)
        acts: dict[str, Callable[[], None]] = {
            "inspect": lambda: self._inspect(root, segment, payloads=payloads),
            "verify": lambda: self._verify(root),
            "replay": lambda: self._replay(segment or root),
        }
        try:
            acts[act]()
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error

    def _inspect(self, root: Path, segment: Path | None, *, payloads: bool) -> None:
        if segment is None:
            for report in inspect_journal(root):
                self._print(report)
            return
        if not payloads:
            self._print(inspect_segment(segment))
        for line in _events(segment, payloads=payloads):
            self.stdout.write(line)

    def _print(self, report: SegmentReport) -> None:
        kind = "quarantine/" if report.is_quarantined else ""
        first, last = report.first_happened_at_us, report.last_happened_at_us
        span = f"{_time(first)} to {_time(last)}"
        facts = [
            f"{report.records} records, {report.events} events, {span}",
            f"{report.end} of {report.size_bytes} bytes used",
            _shipped(report),
        ]
        if report.has_writer:
            facts.append("open: its proxy runs")
        if report.is_torn:
            facts.append(f"TORN at byte {report.end}: nothing behind it was confirmed")
        if report.needs_newer_shipper:
            facts.append(f"NEWER: {report.needs_newer_shipper}")
        facts += [f"POISONED record {p.sequence}: {p.reason}" for p in report.poisoned]
        facts += [f"GAP: record {g.found} after {g.expected - 1}" for g in report.gaps]
        self.stdout.write(f"{kind}{report.path.parent.name}/{report.path.name}")
        for fact in facts:
            self.stdout.write(f"    {fact}")

    def _verify(self, root: Path) -> None:
        found = verify_journal(root, now=timezone.now())
        self.stdout.write(
            f"{found.segments} segments, {found.stored} records stored,"
            f" {found.waiting} waiting for the shipper"
        )
        if found.faults:
            raise CommandError(
                "\n".join([f"{len(found.faults)} faults:", *found.faults])
            )

    def _replay(self, segment: Path) -> None:
        replay = replay_segment(segment)
        self.stdout.write(f"{replay.events} events, {replay.stored} of them were new")
        if replay.refused:
            raise CommandError("\n".join(["Not stored:", *replay.refused]))


def _shipped(report: SegmentReport) -> str:
    cursor = report.cursor
    if report.is_quarantined:
        return "set aside: not shipped unless replayed"
    if cursor is None:
        return "not shipped yet"
    if cursor.ended_at is not None:
        return "shipped to its end; about to be deleted"
    return f"shipped up to byte {cursor.shipped_bytes}, record {cursor.sequence}"


def _events(segment: Path, *, payloads: bool) -> Iterator[str]:
    for batch in read_batches(segment):
        for event in batch.events:
            if payloads:
                yield msgspec.json.encode(event).decode()
            else:
                yield (
                    f"  {_time(event.happened_at_us)}  req_{event.event_id}"
                    f"  tenant {event.tenant_id}  {event.model}  {event.outcome}"
                    f"  {event.input_tokens} in ({event.cached_input_tokens} cached)"
                    f"  {event.output_tokens} out  {event.images} images"
                )
        for poisoned in batch.poisoned:
            text = poisoned.bytes[HEAD_BYTES:].decode(errors="replace")
            yield text if payloads else f"  POISONED {poisoned.sequence}: {text[:500]}"


def _time(at_us: int | None) -> str:
    if at_us is None:
        return "-"
    return f"{datetime.fromtimestamp(at_us / 1_000_000, UTC):%Y-%m-%d %H:%M:%S.%f}"
