"""`manage.py reconcile`: usage events against the engines' own counters."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from inference.models import Engine
from metering.audit_models import ReconciliationLine, ReconciliationStatement
from metering.services.reconcile_engines import (
    SETTLING,
    JournalUnknownError,
    reconcile_engines,
)

_COLUMNS = (
    *("source", "engine", "billed", "client_gone", "unbilled", "estimated"),
    *("least", "most", "difference"),
)


class Command(BaseCommand):
    help = "Compares a UTC day's usage events with what the engines counted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--day", type=_day, help="such as 2026-11-20; yesterday if not given"
        )
        parser.add_argument(
            "--settling-seconds",
            type=int,
            default=int(SETTLING.total_seconds()),
            help="how old a reading must be to be judged",
        )

    def handle(self, *, day: date | None, settling_seconds: int, **_: Any) -> None:
        now = timezone.now()
        try:
            statements = reconcile_engines(
                day or now.date() - timedelta(days=1),
                now=now,
                settling=timedelta(seconds=settling_seconds),
            )
        except JournalUnknownError as error:
            raise CommandError(str(error)) from error
        names = dict(Engine.objects.values_list("pk", "name"))
        for statement in statements:
            self._print(statement, names.get(statement.engine_id, "unknown"))
        if not statements:
            self.stdout.write("Nothing was read or used on that day.")
        if any(s.lines.exclude(difference=0).exists() for s in statements):
            raise CommandError("There are differences that nothing explains.")

    def _print(self, statement: ReconciliationStatement, engine: str) -> None:
        began = (
            statement.epoch.started_at.isoformat(" ", "seconds")
            if (statement.epoch)
            else "never read"
        )
        self.stdout.write(
            f"\n{statement.day}  engine {engine} (started {began})"
            f"  {statement.model}: {statement.status}, version {statement.version}"
        )
        for is_exact, title in ((True, "at rest"), (False, "last, by bounds")):
            lines = statement.lines.filter(is_exact=is_exact).order_by("id")
            if lines:
                self._print_lines(title, list(lines))
        self.stdout.write(
            f"  {statement.events} events; {statement.events_left} left to the next"
            f" day; {statement.unprovable_events} unprovable"
            f" ({statement.unprovable_input_tokens} input,"
            f" {statement.unprovable_output_tokens} output tokens)"
        )

    def _print_lines(self, title: str, lines: list[ReconciliationLine]) -> None:
        self.stdout.write(f"  {title}")
        self.stdout.write("  " + "".join(f"{name:>13}" for name in _COLUMNS))
        for line in lines:
            cells = (getattr(line, name) for name in _COLUMNS)
            self.stdout.write("  " + "".join(f"{cell!s:>13}" for cell in cells))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no date") from error
