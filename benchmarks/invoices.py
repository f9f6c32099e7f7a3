"""How long invoices take: `python -m benchmarks.billing invoices`.

A thousand tenants with a thousand calls each; their month is rated and drafted, then
issued, by one process, with receipts, tax, credit and ledger. Calls, roll-up and
receipts are there before the clock starts: they come as the month goes on.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import processes
from benchmarks.shipper import prepare_django, running_postgres
from config.supervisor import valkey
from config.supervisor.ports import any_free_port
from metering.wire import USAGE_EVENT_SCHEMA, Outcome, UsageEvent, UsageSource

TENANTS = 1000
EVENTS_OF_TENANT = 1000
HOURS = 100
SECONDS_MOST = 60
_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
_MONTH_END = datetime(2026, 12, 1, tzinfo=UTC)
_MODEL = "smollm2-135m-instruct"
_HOUR_US = 3_600_000_000
_CREDIT_NANOS = 10**7


@contextmanager
def running_valkey(home: Path) -> Iterator[str]:
    """Its URL."""
    server = valkey.prepare(home, any_free_port())
    command, log = valkey.command(server), home / "valkey.log"
    process = processes.start(command.argv, cpu=max(os.sched_getaffinity(0)), log=log)

    def is_up() -> bool:
        try:
            valkey.ping(server.url)
        except OSError:
            return False
        return True

    try:
        processes.wait_until(is_up, process, log)
        yield server.url
    finally:
        processes.stop(process)


def measure(*, tenants: int = TENANTS) -> dict[str, float]:
    """Seconds per step, of so many tenants' months."""
    # Django's settings, and with them the models, may be loaded only now.
    from billing.models.invoices import Invoice  # noqa: PLC0415
    from billing.services.invoices.issue_due_invoices import (  # noqa: PLC0415
        COLLECTION_GRACE,
        issue_due_invoices,
    )
    from billing.services.rating.rate_usage import rate_usage  # noqa: PLC0415

    prepare(tenants)

    def rate() -> None:
        while rate_usage(now=_MONTH_END).rated:
            pass

    def issue() -> None:
        while issue_due_invoices(now=_MONTH_END + COLLECTION_GRACE):
            pass

    seconds = {"rated and drafted": _seconds(rate), "issued": _seconds(issue)}
    issued = Invoice.objects.exclude(status="draft").count()
    assert issued == tenants, f"Do not believe these figures: {issued} were issued"
    return seconds


def prepare(tenants: int) -> None:
    """Tenants with credit for a part of their month, and their calls, rolled up and
    with receipts.
    """
    from billing.models.price_books import PriceBook  # noqa: PLC0415
    from billing.models.prices import PriceVersion  # noqa: PLC0415
    from billing.services.credit.grant_credit import grant_credit  # noqa: PLC0415
    from billing.services.receipts.seal_due_receipts import seal_due_receipts  # noqa: PLC0415
    from inference.models import ServedModel  # noqa: PLC0415
    from metering.services.roll_up_usage import roll_up_usage  # noqa: PLC0415
    from metering.services.store_usage_events import (  # noqa: PLC0415
        store_usage_events,
    )
    from tenants.models import Tenant  # noqa: PLC0415

    served_model = ServedModel.objects.create(
        name=_MODEL, title="SmolLM2", context_tokens=8192, created_at=_BEGIN
    )
    price = PriceVersion.objects.create(
        served_model=served_model,
        price_book=PriceBook.objects.list_book(),
        new_input_nanos_per_million=100_000_000,
        cached_input_nanos_per_million=20_000_000,
        output_nanos_per_million=400_000_000,
        effective_from=_BEGIN - timedelta(days=1),
        created_at=_BEGIN,
    )
    chance = random.Random(7)  # noqa: S311  a load, not a secret
    for number in range(tenants):
        tenant = Tenant.objects.create(
            name=f"Tenant {number}",
            slug=f"t{number}",
            created_at=_BEGIN,
            cache_salt=chance.randbytes(32).hex(),
        )
        grant_credit(
            tenant=tenant,
            amount_nanos=_CREDIT_NANOS,
            reason="transfer",
            idempotency_key="G1",
            now=_BEGIN,
        )
        store_usage_events(
            [_event(chance, tenant.pk, price.pk) for _ in range(EVENTS_OF_TENANT)]
        )
    while roll_up_usage():
        pass
    while seal_due_receipts(now=_MONTH_END + timedelta(days=1)):
        pass


def _event(chance: random.Random, tenant_id: int, price_version_id: int) -> UsageEvent:
    begin_us = int(_BEGIN.timestamp() * 1_000_000)
    happened_at_us = begin_us + chance.randrange(HOURS) * _HOUR_US + _HOUR_US // 2
    return UsageEvent(
        schema=USAGE_EVENT_SCHEMA,
        event_id=chance.randbytes(16).hex(),
        tenant_id=tenant_id,
        project_id=tenant_id,
        api_key_id=tenant_id,
        model=_MODEL,
        engine_id=1,
        price_version_id=price_version_id,
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


def _seconds(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def main() -> None:
    """Prints a table."""
    tenants = int(os.environ.get("TENANTS", TENANTS))
    with tempfile.TemporaryDirectory(prefix="tokenfab-bench-") as folder:
        home = Path(folder)
        os.environ["TOKENFAB_HOME"] = folder
        with running_postgres(home) as database, running_valkey(home) as valkey:
            os.environ["VALKEY_URL"] = valkey
            prepare_django(database)
            seconds = measure(tenants=tenants)
            from django.db import connection  # noqa: PLC0415

            connection.close()
    print(f"| {tenants:,} invoices of {EVENTS_OF_TENANT:,} calls | seconds | ms each |")
    print("|---|---:|---:|")
    for step, taken in seconds.items():
        print(f"| {step} | {taken:.1f} | {taken / tenants * 1000:.1f} |")
    total = sum(seconds.values())
    print(f"| together (at most {SECONDS_MOST}) | {total:.1f} | |")
