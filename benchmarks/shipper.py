"""How fast a journal gets into PostgreSQL: `python -m benchmarks.shipper`.

A server of its own in a temporary folder, with its default durability; the segments are
written before the clock starts. Shipping again after the cursors are lost shows what a
repair costs. The shipper has one CPU, PostgreSQL the others.
"""

import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import django
import msgspec
import psycopg

from benchmarks import processes
from config.supervisor import postgres
from config.supervisor.ports import any_free_port
from metering.domain import journal_format
from metering.wire import USAGE_EVENT_SCHEMA, Outcome, UsageEvent, UsageSource

EVENTS = 50_000
REPETITIONS = 3
_EVENTS_PER_SEGMENT = 10_000
_SECONDS_MAX = 180
_TENANTS = 50
_HOURS = 24
_NOON_US = 1_795_262_400_000_000
_HOUR_US = 3_600_000_000


@contextmanager
def running_postgres(home: Path) -> Iterator[str]:
    """The URL of a fresh database."""
    server = postgres.prepare(home, any_free_port())
    command, log = postgres.command(server), home / "postgres.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command.argv, stdout=output, stderr=output, **command.popen
        )
    command.close()
    _leave_one_cpu_to_us(process.pid)
    try:
        processes.wait_until(lambda: _has_database(server.url), process, log)
        yield server.url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def _leave_one_cpu_to_us(server_pid: int) -> None:
    """The server's later children inherit its CPUs."""
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(server_pid, others)
        os.sched_setaffinity(0, {first})


def _has_database(url: str) -> bool:
    try:
        postgres.create_database(url)
    except psycopg.OperationalError:
        return False
    return True


def write_journal(folder: Path, *, seed: int) -> None:
    """EVENTS calls of _TENANTS tenants over a day, sealed but for the last segment."""
    chance = random.Random(seed)  # noqa: S311  a load, not a secret
    folder.mkdir(parents=True)
    boot_id = chance.randbytes(8)
    for first in range(0, EVENTS, _EVENTS_PER_SEGMENT):
        records = (
            journal_format.pack(
                msgspec.json.encode(_event(chance)), boot_id=boot_id, sequence=n + 1
            )
            for n in range(first, first + _EVENTS_PER_SEGMENT)
        )
        name = f"{_NOON_US + first:020}-{boot_id.hex()}.journal"
        (folder / name).write_bytes(b"".join(records))


def _event(chance: random.Random) -> UsageEvent:
    tenant_id = chance.randrange(_TENANTS) + 1
    happened_at_us = _NOON_US + chance.randrange(_HOURS * _HOUR_US)
    return UsageEvent(
        schema=USAGE_EVENT_SCHEMA,
        event_id=chance.randbytes(16).hex(),
        tenant_id=tenant_id,
        project_id=tenant_id,
        api_key_id=2 * tenant_id + chance.randrange(2),
        model="smollm2-135m-instruct",
        engine_id=1,
        price_version_id=1,
        endpoint="chat.completions",
        streamed=True,
        outcome=Outcome.COMPLETED,
        usage_source=UsageSource.ENGINE,
        input_tokens=900,
        cached_input_tokens=chance.randrange(900),
        cache_write_tokens=0,
        output_tokens=chance.randrange(1, 500),
        reasoning_tokens=0,
        received_at_us=happened_at_us - 900_000,
        first_token_at_us=happened_at_us - 800_000,
        happened_at_us=happened_at_us,
    )


def measure(home: Path, *, seed: int) -> dict[str, float]:
    """Seconds per step, each of EVENTS usage events."""
    # Django's settings, and with them the models, may be loaded only now.
    from metering.models import JournalCursor  # noqa: PLC0415
    from metering.services.roll_up_usage import roll_up_usage  # noqa: PLC0415
    from metering.services.ship_journal import ship_folder  # noqa: PLC0415

    folder, copy = home / "journal" / str(seed), home / "copy" / str(seed)
    write_journal(folder, seed=seed)
    shutil.copytree(folder, copy)

    def ship(*, expected: int) -> None:
        shipment = ship_folder(folder)
        if shipment.events != expected or shipment.blocked:
            raise SystemExit(f"Do not believe these figures: {shipment}")

    def roll_up() -> None:
        while roll_up_usage():
            pass

    seconds = {
        "shipped": _seconds(lambda: ship(expected=EVENTS)),
        "rolled up": _seconds(roll_up),
    }
    JournalCursor.objects.all().delete()
    shutil.copytree(copy, folder, dirs_exist_ok=True)
    return seconds | {"shipped again": _seconds(lambda: ship(expected=0))}


def _seconds(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def table(runs: list[dict[str, float]]) -> Iterator[str]:
    yield f"| {EVENTS:,} usage events | seconds | events/s |"
    yield "|---|---:|---:|"
    for step in runs[0]:
        seconds = median(run[step] for run in runs)
        yield f"| {step} | {seconds:.2f} | {EVENTS / seconds:,.0f} |"


def run_apart(home: Path) -> list[dict[str, float]]:
    """Measures in a process of its own: Django's settings are loaded once for all."""
    output = home / "shipper.json"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.shipper", str(output)],
        check=True,
        timeout=_SECONDS_MAX,
    )
    return msgspec.json.decode(output.read_bytes(), type=list[dict[str, float]])


def prepare_django(url: str) -> None:
    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from metering.services.prepare_usage_partitions import (  # noqa: PLC0415
        prepare_usage_partitions,
    )

    call_command("migrate", verbosity=0)
    prepare_usage_partitions(datetime(2026, 11, 1, tzinfo=UTC))


def main() -> None:
    """Prints a table, or writes the seconds as JSON to the file that it is told."""
    with tempfile.TemporaryDirectory(prefix="tokenfab-bench-") as folder:
        home = Path(folder)
        os.environ["TOKENFAB_HOME"] = folder
        with running_postgres(home) as url:
            prepare_django(url)
            runs = [measure(home, seed=seed) for seed in range(REPETITIONS)]
            from django.db import connection  # noqa: PLC0415

            connection.close()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_bytes(msgspec.json.encode(runs))
        return
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, {REPETITIONS} repetitions\n")
    print(*table(runs), sep="\n")


if __name__ == "__main__":
    main()
