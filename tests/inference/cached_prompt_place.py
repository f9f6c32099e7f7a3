"""Engines, a proxy that obeys warm orders, and a project with a key."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from django.utils import timezone

from inference.domain.prompt_asked import AskedPrompt
from inference.domain.prompt_content import read_content
from inference.models import Engine
from inference.services.ask_engine import ask_engine
from inference.services.create_cached_prompt import create_cached_prompt
from inference.services.store_lease_events import store_lease_events
from tenants.models import Tenant
from tests.engine_contract.engines import EngineUnderTest, run_simulator
from tests.engine_contract.lease_engines import ENGINE_ID
from tests.factories import make_api_key, make_engine, make_project, make_served_model
from tests.inference.lease_books import cursor_of
from tests.inference.warm_proxy import (
    TENANT_OF_ORDERS,
    WarmProxy,
    address_of,
    run_warm_proxy,
)

BLOCK_TOKENS = 32


def content(text="Answer in one word. " * 30, *, tools=None):
    """Some seven blocks of the simulator's tokens."""
    messages = [{"role": "system", "content": text}]
    raw = [msgspec.Raw(msgspec.json.encode(one)) for one in (messages, tools)]
    return read_content(*raw)


def asked(**changes):
    given = {
        "name": "instructions",
        "model": "default",
        "content": content(),
        "ttl_seconds": 600,
    }
    return AskedPrompt(**given | changes)


class Place:
    def __init__(
        self,
        folder: Path,
        proxy: WarmProxy,
        proxy_url: str,
        stack: contextlib.ExitStack,
    ):
        self.folder = folder
        self.proxy = proxy
        self.proxy_url = proxy_url
        self.stack = stack
        self.model = make_served_model(context_tokens=512)
        tenant = Tenant.objects.create(
            pk=int(TENANT_OF_ORDERS),
            name="Acme",
            slug="acme",
            cache_salt="s",
            created_at=timezone.now(),
        )
        self.api_key, self.secret = make_api_key(project=make_project(tenant=tenant))
        self.engines: dict[int, EngineUnderTest] = {}
        self._lives: dict[int, contextlib.ExitStack] = {}

    def add_engine(self, **variables) -> Engine:
        folder = self.folder / str(len(self.engines))
        row = make_engine(
            served_model=self.model, address=folder / "engine.sock", ready_at=None
        )
        self.start(row, folder, **variables)
        return row

    def start(self, row: Engine, folder: Path, **variables) -> None:
        life = contextlib.ExitStack()
        given = {"SIMULATOR_BLOCKS": "64", "SIMULATOR_CONTEXT_TOKENS": "512"}
        folder.mkdir(parents=True, exist_ok=True)
        engine = life.enter_context(
            run_simulator(folder, ENGINE_ID=ENGINE_ID, **given | variables)
        )
        self.stack.push(life)
        self._lives[row.pk] = life
        self.engines[row.pk] = self.proxy.engines[row.pk] = engine
        assert row.address == address_of(engine)

    def restart(self, row: Engine) -> None:
        """Another life of the engine: it holds nothing."""
        self.stop(row)
        self.start(row, self.engines[row.pk].socket.parent)

    def stop(self, row: Engine) -> None:
        self._lives[row.pk].close()

    def create(self, api_key=None, **changes):
        prompt, is_new = create_cached_prompt(
            api_key or self.api_key, asked(**changes), now=timezone.now()
        )
        assert is_new
        return prompt

    def collect(self, row: Engine) -> None:
        """As the lease collector does it."""
        while True:
            cursor = cursor_of(row)
            before = cursor.epoch, cursor.sequence
            now_ms = time.time_ns() // 1_000_000
            sequence = cursor.sequence
            told = ask_engine(
                row.address,
                lambda client: client.events(sequence, wait_seconds=0),  # noqa: B023
            )
            cursor = store_lease_events(cursor, told, asked_ms=now_ms)
            if before == (cursor.epoch, cursor.sequence):
                return


@contextlib.contextmanager
def open_place(folder: Path, settings: Any) -> Iterator[Place]:
    """Without an engine at first."""
    settings.ENGINE_KEY = "engine-key"
    with contextlib.ExitStack() as stack:
        proxy, url = stack.enter_context(run_warm_proxy())
        settings.PROXY_URL = url
        yield Place(folder, proxy, url, stack)


def kinds(prompt):
    """What happened to it, in order."""
    return list(prompt.events.order_by("pk").values_list("kind", flat=True))
