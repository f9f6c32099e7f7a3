"""What a month of many usage events takes: `python -m benchmarks.month 1000000`.

For each number given: a PostgreSQL of its own with its default durability, one tenant
with so many new events in the 720 hours of a month. Rolling up, sealing receipts,
issuing the invoice; then its pages, and all its receipts as a file that is verified.
With `--roll-up` that step alone; `--plot FILE.svg` draws it. Each number has a process
of its own, whose memory is the most that it ever had.
"""

import argparse
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import django
import msgspec

from benchmarks.plot import write_growth
from benchmarks.shipper import running_postgres

MONTH = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 3, tzinfo=UTC)
_HOURS = 720
_VISITS = 7
_SECONDS_MAX = 1800
_ROLL_UP = "roll up"
_INSERT = """
    INSERT INTO usage_event (event_id, tenant_id, project_id, api_key_id, model,
        engine_id, price_version_id, endpoint, streamed, outcome, usage_source,
        input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
        reasoning_tokens, received_at, sent_at, first_token_at, happened_at,
        cost_nanos)
    SELECT gen_random_uuid(), %(tenant)s, 1, 1 + n %% 4, %(model)s, 1, %(price)s,
        'chat.completions', true, 'completed', 'engine', 900, n %% 900, 0,
        1 + n %% 500, 0, at - interval '1 second', at - interval '1 second',
        at - interval '800 milliseconds', at, 100000 + n %% 1000
    FROM (SELECT n, %(month)s::timestamptz
        + n * (interval '720 hours' / %(count)s) AS at
        FROM generate_series(0, %(count)s - 1) AS n) AS events
"""
_MARK = """
    INSERT INTO open_hour (tenant_id, hour_at, generation)
    SELECT DISTINCT tenant_id, date_trunc('hour', happened_at, 'UTC'), 1
    FROM usage_event ORDER BY 1, 2
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--roll-up", action="store_true")
    parser.add_argument("--plot", type=Path, help="draw what rolling up took, as SVG")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        _measure_here(options.counts[0], roll_up_alone=options.roll_up)
        return
    flags = ["--roll-up"] if options.roll_up else []
    points = [(count, _measure(count, flags)) for count in options.counts]
    if options.plot:
        title = "Rolling up new usage events; dashed: in proportion to the last"
        write_growth(options.plot, title, points)


def _measure(count: int, flags: list[str]) -> float:
    """The seconds that rolling up took."""
    command = [sys.executable, "-m", "benchmarks.month", "--here", *flags, str(count)]
    measured = subprocess.run(
        command, check=True, timeout=_SECONDS_MAX, stdout=subprocess.PIPE, text=True
    ).stdout
    print(measured, end="", flush=True)
    return float(measured.partition(f"| {_ROLL_UP} | ")[2].partition(" s")[0])


def _measure_here(count: int, *, roll_up_alone: bool) -> None:
    print(f"{count:,} events")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running_postgres(home) as url:
            os.environ |= {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "TOKENFAB_HOME": str(home),
            }
            (home / "static").mkdir()
            django.setup()
            # There is no Valkey, and each act that would publish something says so.
            logging.disable(logging.ERROR)
            month = _Month(count)
            month.roll_up()
            if not roll_up_alone:
                month.bill(home)


def _rss_mib() -> int:
    """The most that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@contextmanager
def _step(name: str, count: int) -> Iterator[None]:
    memory, started = _rss_mib(), time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    per_event = seconds / count * 1e6
    print(
        f"| {name} | {seconds:.2f} s | {per_event:.1f} µs | {memory} → {_rss_mib()} |",
        flush=True,
    )


class _Month:
    """One tenant's month; Django and its models are loaded by now."""

    def __init__(self, count: int) -> None:
        from django.core.management import call_command  # noqa: PLC0415
        from django.db import connection  # noqa: PLC0415

        from tests.billing.usage import make_price  # noqa: PLC0415
        from tests.factories import make_tenant, make_user  # noqa: PLC0415

        self.count = count
        call_command("migrate", verbosity=0)
        self.owner = make_user()
        self.tenant = make_tenant(name="Bench", owner=self.owner)
        price = make_price()
        values: dict[str, Any] = {
            "tenant": self.tenant.pk,
            "model": price.served_model.name,
            "price": price.pk,
            "month": MONTH,
            "count": count,
        }
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, values)
            cursor.execute(_MARK)
            # What autovacuum would have done meanwhile.
            cursor.execute("VACUUM ANALYZE")

    def roll_up(self) -> None:
        from metering.services.roll_up_usage import roll_up_usage  # noqa: PLC0415

        with _step(_ROLL_UP, self.count):
            while roll_up_usage():
                pass

    def bill(self, home: Path) -> None:
        from billing.models.invoices import Invoice  # noqa: PLC0415
        from billing.services.invoices.issue_invoice import issue_invoice  # noqa: PLC0415
        from billing.services.rating.rate_usage import rate_usage  # noqa: PLC0415
        from billing.services.receipts.seal_receipts import seal_receipts  # noqa: PLC0415

        with _step("seal receipts", self.count):
            sealed = seal_receipts(self.tenant.pk, now=NOW)
        rate_usage(now=NOW)
        draft = Invoice.objects.get(tenant=self.tenant)
        with _step("issue the invoice", self.count):
            invoice = issue_invoice(draft.pk, now=NOW)
        if (sealed, invoice.receipt_count) != (self.count, self.count):
            raise SystemExit("Do not believe these figures.")
        self._visit(invoice)
        self._verify(invoice, home)

    def _visit(self, invoice: Any) -> None:
        from django.db import connection  # noqa: PLC0415

        from tests.frontend.people import client_of  # noqa: PLC0415

        client = client_of(self.owner)
        line = invoice.lines.get(meter="output_tokens")
        path = f"/invoices/{invoice.pk}/lines/{line.pk}/"
        day, hour = MONTH + timedelta(days=20), MONTH + timedelta(days=20, hours=7)
        after = f"{(hour + timedelta(minutes=59)).isoformat()}_{'0' * 32}"
        busy = f"{path}hours/{hour:%Y-%m-%dT%H}/"
        connection.force_debug_cursor = True
        for name, address, data in (
            ("invoice", f"/invoices/{invoice.pk}/", {}),
            ("line, by day", path, {}),
            ("a day, by hour", f"{path}days/{day:%Y-%m-%d}/", {}),
            ("an hour, first calls", busy, {}),
            ("an hour, last calls", busy, {"after": after}),
            ("one receipt, with proof", f"/receipts/{self.count // 2}/", {}),
            ("check of the line", f"{path}check/", {}),
        ):
            client.get(address, data)
            taken = [
                _seconds(partial(_get, client, address, data)) for _ in range(_VISITS)
            ]
            queries = len(connection.queries)  # each request begins a new count
            print(
                f"| page: {name} | {median(taken) * 1000:.0f} ms |"
                f" {max(taken) * 1000:.0f} ms at most | {queries} queries |",
                flush=True,
            )
        connection.force_debug_cursor = False

    def _verify(self, invoice: Any, home: Path) -> None:
        from billing.services.receipts.sign_invoice import sign_invoice  # noqa: PLC0415
        from billing.services.receipts.stream_receipts_of_invoice import (  # noqa: PLC0415
            stream_receipts_of_invoice,
        )
        from billing.verify.run import main as verify  # noqa: PLC0415
        from metering.domain.receipts import canonical  # noqa: PLC0415
        from metering.services.receipt_keys import read_public_keys  # noqa: PLC0415

        invoice_file, receipts = home / "invoice.json", home / "receipts.jsonl"
        keys = [{"key_id": x, "public_key": y} for x, y in read_public_keys().items()]
        (home / "keys.json").write_bytes(msgspec.json.encode({"keys": keys}))
        invoice_file.write_bytes(msgspec.json.encode(sign_invoice(invoice, now=NOW)))
        with _step("all receipts as a file", self.count), receipts.open("wb") as file:
            for one in stream_receipts_of_invoice(invoice):
                file.write(canonical(one) + b"\n")
        print(f"that file has {receipts.stat().st_size / self.count:.0f} B a receipt")
        with _step("verify it offline", self.count):
            arguments = [invoice_file, receipts, "--public-key", home / "keys.json"]
            if verify([str(one) for one in arguments]):
                raise SystemExit("Do not believe these figures.")


def _get(client: Any, address: str, data: dict[str, str]) -> None:
    if client.get(address, data).status_code != 200:
        raise SystemExit(f"Do not believe these figures: {address}")


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
