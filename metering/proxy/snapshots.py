"""What the control plane allows: keys, routes, prices and cached prompts, polled from
Valkey.

A poll reads version numbers alone; a snapshot is fetched only when its number rose.
One whose signature fails is ignored, one past its expiry admits nothing, and the last
good copy lies on disk for a restart without Valkey.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from inference.wire import CACHED_PROMPTS, CachedPromptEntry, Route
from inference.wire import SNAPSHOT_KIND as ROUTES
from metering.proxy.cached_prompt_index import CachedPromptIndex, PromptDigests
from metering.proxy.key_policies import KeyPolicies
from metering.proxy.valkey import Valkey, ValkeyUnavailableError
from metering.wire import LIST_BOOK_ID, LIST_CURRENCY, PriceVector
from metering.wire import SNAPSHOT_KIND as PRICE_VECTORS
from tenants.domain import snapshot as snapshot_form
from tenants.domain.snapshot import Snapshot, SnapshotRejectedError
from tenants.wire import SNAPSHOT_KIND as KEY_POLICIES
from tenants.wire import KeyPolicy

_log = logging.getLogger(__name__)
_KINDS = (ROUTES, PRICE_VECTORS, CACHED_PROMPTS, KEY_POLICIES)
"""In the order they are taken: a key comes into force after the prices it was made
with."""
_ITEM_TYPES = {
    KEY_POLICIES: msgspec.Raw,
    ROUTES: Route,
    PRICE_VECTORS: PriceVector,
    CACHED_PROMPTS: CachedPromptEntry,
}
_POLL_SECONDS = 0.25
"""A revoked key must stop working within a second."""
_REFRESH_SECONDS_MIN = 0.1
"""Unknown keys and names make the proxy look before its time, but not more often."""
DEFAULT_MODEL = "default"


class Snapshots:
    def __init__(self, valkey: Valkey, *, secret: bytes, folder: Path) -> None:
        self._valkey = valkey
        self._secret = secret
        self._folder = folder
        self._versions = dict.fromkeys(_KINDS, 0)
        self._keys_expire_at = 0.0
        self._policies = KeyPolicies()
        self.callers: dict[bytes, KeyPolicy] = {}
        """What `Authorization` headers were found to mean by the present snapshot."""
        self._list_prices: dict[str, tuple[PriceVector, ...]] = {}
        self._book_prices: dict[tuple[int, str], tuple[PriceVector, ...]] = {}
        self._look_under_way: asyncio.Task[bool] | None = None
        self._looked_at = 0.0
        self.routes: dict[str, Route] = {}
        """By public name, and the default one also as `default`."""
        self._digests = PromptDigests()
        self.cached_prompts = CachedPromptIndex((), self._digests)

    @property
    def is_current(self) -> bool:
        """False: no key snapshot, or one that is past its expiry."""
        return time.time() < self._keys_expire_at

    def policy(self, digest: bytes) -> KeyPolicy | None:
        return self._policies.find(digest)

    def price_vector(
        self, model: str, *, at: float, policy: KeyPolicy
    ) -> PriceVector | None:
        """The rates of `model` in force at `at` (seconds since the epoch), from the
        first of the policy's books that has any, and else from the list, if that is in
        the tenant's currency.
        """
        for price_book_id in policy.price_books:
            vectors = self._book_prices.get((price_book_id, model), ())
            if (vector := _in_force(vectors, at)) is not None:
                return vector
        if policy.currency != LIST_CURRENCY:
            return None
        return _in_force(self._list_prices.get(model, ()), at)

    def is_sold(self, model: str, *, at: float) -> bool:
        """To anybody: some book has a price of it."""
        return _in_force(self._list_prices.get(model, ()), at) is not None or any(
            name == model and _in_force(vectors, at) is not None
            for (_, name), vectors in self._book_prices.items()
        )

    def load_copies(self) -> None:
        """Takes up what the process before this one had last."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for kind in _KINDS:
            try:
                blob = (self._folder / kind).read_bytes()
            except FileNotFoundError:
                continue
            snapshot = self._verified(kind, blob)
            if snapshot is not None:
                for _ in self._take(snapshot):
                    pass

    async def keep_polling(self) -> None:
        """Runs for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(_POLL_SECONDS)

    async def refresh(self) -> bool:
        """Fetches what is newer; False: Valkey did not answer.

        Callers share one look that begins after they ask: one already under way may
        have read the versions too early.
        """
        if self._look_under_way is not None:
            await asyncio.shield(self._look_under_way)
        if self._look_under_way is None:
            self._look_under_way = asyncio.get_running_loop().create_task(self._look())
            self._look_under_way.add_done_callback(self._looked)
        return await asyncio.shield(self._look_under_way)

    def _looked(self, look: asyncio.Task[bool]) -> None:
        self._look_under_way = None
        self._looked_at = time.monotonic()
        look.result()

    async def refresh_for_unknown(self) -> bool:
        """A key or a cached prompt made a moment ago is found before the next poll.
        Looks are at least 100 ms apart, so that strangers with made-up keys wait, and
        Valkey does not.
        """
        wait_seconds = self._looked_at + _REFRESH_SECONDS_MIN - time.monotonic()
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
        return await self.refresh()

    async def _look(self) -> bool:
        try:
            versions = await self._valkey.ask(
                "MGET", *map(snapshot_form.valkey_version_key, _KINDS)
            )
            for kind, version in zip(_KINDS, versions, strict=True):
                if version is not None and int(version) > self._versions[kind]:
                    blob = await self._valkey.ask("GET", snapshot_form.valkey_key(kind))
                    if blob is not None:
                        await self._take_and_keep(kind, blob)
        except ValkeyUnavailableError:
            return False  # the present copies stay in force until they expire
        return True

    async def _take_and_keep(self, kind: str, blob: bytes) -> None:
        """In threads and steps: it may be 10 MB, and calls go on meanwhile."""
        snapshot = await asyncio.to_thread(self._verified, kind, blob)
        if snapshot is None:
            return
        for _ in self._take(snapshot):
            await asyncio.sleep(0)
        if self._versions[kind] == snapshot.version:
            await asyncio.to_thread(self._keep, kind, blob)

    def _verified(self, kind: str, blob: bytes) -> Snapshot[Any] | None:
        try:
            return snapshot_form.verify(
                blob, kind=kind, secret=self._secret, item_type=_ITEM_TYPES[kind]
            )
        except SnapshotRejectedError as error:
            _log.error("a snapshot of %s was rejected: %s", kind, error)
            return None

    def _keep(self, kind: str, blob: bytes) -> None:
        draft = self._folder / f"{kind}.draft"
        draft.touch(mode=0o600)
        draft.write_bytes(blob)
        draft.rename(self._folder / kind)

    def _take(self, snapshot: Snapshot[Any]) -> Iterator[None]:
        """In force when the iterator has ended."""
        if snapshot.kind == KEY_POLICIES:
            try:
                yield from self._policies.take(snapshot.items)
            except msgspec.MsgspecError as error:
                _log.error("a snapshot of keys was rejected: %s", error)
                return
            self.callers = {}
            self._keys_expire_at = snapshot.expires_at
        elif snapshot.kind == ROUTES:
            self.routes = {route.model: route for route in snapshot.items}
            for route in snapshot.items:
                if route.is_default:
                    self.routes[DEFAULT_MODEL] = route
        elif snapshot.kind == CACHED_PROMPTS:
            self.cached_prompts = CachedPromptIndex(snapshot.items, self._digests)
        else:
            self._take_prices(snapshot.items)
        self._versions[snapshot.kind] = snapshot.version

    def _take_prices(self, items: list[PriceVector]) -> None:
        prices: dict[tuple[int, str], tuple[PriceVector, ...]] = {}
        for one in items:
            place = one.price_book_id, one.model
            prices[place] = (*prices.get(place, ()), one)
        self._list_prices = {
            model: prices.pop((book, model))
            for book, model in list(prices)
            if book == LIST_BOOK_ID
        }
        self._book_prices = prices


def _in_force(vectors: tuple[PriceVector, ...], at: float) -> PriceVector | None:
    for vector in vectors:
        if vector.effective_from <= at and (
            vector.effective_to is None or at < vector.effective_to
        ):
            return vector
    return None
