"""One chaos run, from an empty folder to what there is to judge."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event as Flag

import httpx
import psycopg
import redis

from benchmarks.chaos import facts
from benchmarks.chaos.clients import Load
from benchmarks.chaos.facts import Event
from benchmarks.chaos.killing import Kill, Killer
from benchmarks.chaos.lease_facts import (
    LeaseBooks,
    are_leases_measured,
    read_lease_books,
)
from benchmarks.chaos.money import Purse, Watch, give, look_at_valkey
from benchmarks.chaos.operations import Operation, now_us
from benchmarks.chaos.product import Product
from benchmarks.chaos.tenants import Opened, open_tenants

_SETTLED_SECONDS_MAX = 120.0
_KNOWN_SECONDS_MAX = 60.0
_REST = "vllm:num_requests_running"
_DOUBT = (
    *("shell", "--no-imports", "-c"),
    "from billing.services.spend.doubt_money import doubt_money; doubt_money()",
)
_AWAY = (KeyError, redis.RedisError, psycopg.Error, httpx.TransportError)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    seconds: float
    kills: Sequence[Kill]
    given_up: Sequence[str]
    operations: Sequence[Operation]
    errors: Sequence[str]
    """Mistakes of the run itself; it proves nothing then."""
    purses: Sequence[Purse]
    limited: Mapping[int, str]
    events: Sequence[Event]
    books: LeaseBooks
    rolled_up: Mapping[str, int]
    spent: Mapping[int, dict[str, int]]
    """By tenant."""
    journal: str
    """What `journal verify` says."""
    is_journal_stored: bool


def run(home: Path, *, seed: int, kills: int, say: Callable[[str], None]) -> Outcome:
    """Raises NotUpError when something does not come back."""
    began = time.monotonic()
    product = Product(home)
    try:
        product.wait_until_up()
        opened = open_tenants(product)
        _give_first_credit(product, opened)
        say(f"up after {time.monotonic() - began:.0f} s; the killing begins")
        load, killer = _load_and_kill(product, opened, seed=seed, kills=kills, say=say)
        say("all is up again; waiting until everything is counted")
        _settle(product, opened)
        return _outcome(product, opened, load, killer, began)
    finally:
        product.stop()
        product.clean_up()


def _give_first_credit(product: Product, opened: Opened) -> None:
    for purse in opened.purses:
        if purse.is_prepaid:
            give(product, purse, Flag())
    product.wait_until(
        lambda: all(
            (look := look_at_valkey(product.services["VALKEY_URL"], purse))
            and look.left_nanos
            for purse in opened.purses
        ),
        what="the tenants' money is known",
        seconds=_KNOWN_SECONDS_MAX,
    )


def _load_and_kill(
    product: Product,
    opened: Opened,
    *,
    seed: int,
    kills: int,
    say: Callable[[str], None],
) -> tuple[Load, Killer]:
    load = Load(opened.lanes, api_url=_LastKnown(product), seed=seed)
    killer = Killer(
        product, seed=seed, kills=kills, answers=lambda: load.complete, say=say
    )
    with ExitStack() as stack:
        stack.enter_context(Watch(product, opened.purses, refusals=load.refusals))
        stack.enter_context(load)
        killer.run()
    return load, killer


class _LastKnown:
    """The API's address, also while nobody tells it."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._url = product.api_url

    def __call__(self) -> str:
        self._url = self._product.api_url or self._url
        return self._url


def _settle(product: Product, opened: Opened) -> None:
    """Until no engine works, nothing is held, all is shipped, counted and rolled up."""
    tenants, since_ms = [one.tenant_id for one in opened.purses], now_us() // 1000
    conditions: dict[str, Callable[[], bool]] = {
        "the engine rests": lambda: _rests(product),
        "the leases are measured": lambda: are_leases_measured(
            product.services["DATABASE_URL"], since_ms=since_ms
        ),
        # A lease that was never held leaves no interval that would ask for it.
        "the money is doubted": lambda: product.manage(*_DOUBT).returncode == 0,
        "the money is counted": lambda: facts.is_money_settled(
            product.services["VALKEY_URL"], tenants
        ),
        "the journals are shipped": lambda: _verify(product).endswith(" 0 waiting"),
        "the hours are rolled up": lambda: (
            not facts.has_open_hours(product.services["DATABASE_URL"])
        ),
    }
    for what, is_so in conditions.items():
        product.wait_until(
            partial(_is_true, is_so),
            what=what,
            seconds=_SETTLED_SECONDS_MAX,
        )


def _is_true(is_so: Callable[[], bool]) -> bool:
    try:
        return is_so()
    except _AWAY:
        return False


def _rests(product: Product) -> bool:
    socket = product.services["ENGINE_SOCKET"]
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
        text = client.get("http://engine/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(_REST)]
    return bool(lines) and all(float(line.split()[-1]) == 0 for line in lines)


def _verify(product: Product) -> str:
    return product.manage("journal", "verify").stdout.split(" for the shipper")[0]


def _outcome(
    product: Product, opened: Opened, load: Load, killer: Killer, began: float
) -> Outcome:
    services = product.services
    verified = product.manage("journal", "verify")
    return Outcome(
        seconds=time.monotonic() - began,
        kills=killer.kills,
        given_up=killer.given_up,
        operations=load.operations,
        errors=load.errors,
        purses=opened.purses,
        limited=opened.limited,
        events=facts.read_events(services["DATABASE_URL"]),
        books=read_lease_books(services["DATABASE_URL"]),
        rolled_up=facts.read_rolled_up(services["DATABASE_URL"]),
        spent={
            one.tenant_id: facts.read_spent(services["VALKEY_URL"], one.tenant_id)
            for one in opened.purses
        },
        journal=(verified.stdout + verified.stderr).strip(),
        is_journal_stored=verified.returncode == 0,
    )
