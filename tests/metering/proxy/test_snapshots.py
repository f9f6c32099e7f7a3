"""Snapshots are taken in such an order that no key is admitted before its prices."""

import time
from pathlib import Path
from typing import Any, cast

import msgspec

from inference import wire as inference_wire
from metering import wire as metering_wire
from metering.proxy.snapshots import Snapshots
from metering.proxy.valkey import Valkey
from tenants import wire as tenants_wire
from tenants.domain import snapshot
from tests.metering.proxy.conftest import SNAPSHOT_KEY

OTHERS = (
    inference_wire.SNAPSHOT_KIND,
    metering_wire.SNAPSHOT_KIND,
    inference_wire.CACHED_PROMPTS,
)


class Published:
    """Valkey, in which all kinds have just been published."""

    def __init__(self) -> None:
        self.looker: Snapshots | None = None
        self.was_current: dict[str, bool] = {}

    async def ask(self, command: str, *keys: str) -> Any:
        if command == "MGET":
            return [b"1" for _ in keys]
        (key,) = keys
        for kind in (*OTHERS, tenants_wire.SNAPSHOT_KIND):
            if key == snapshot.valkey_key(kind):
                assert self.looker is not None
                self.was_current[kind] = self.looker.is_current
                return blob_of(kind)
        raise AssertionError(key)


def blob_of(kind: str) -> bytes:
    now = time.time()
    payload = msgspec.json.encode(
        {
            "kind": kind,
            "version": 1,
            "issued_at": now,
            "expires_at": now + 3600,
            "items": [],
        }
    )
    return snapshot.sign(payload, secret=SNAPSHOT_KEY.encode())


async def test_keys_come_into_force_last(tmp_path: Path):
    valkey = Published()
    snapshots = Snapshots(
        cast("Valkey", valkey), secret=SNAPSHOT_KEY.encode(), folder=tmp_path
    )
    valkey.looker = snapshots
    assert await snapshots.refresh()
    assert snapshots.is_current
    assert valkey.was_current == dict.fromkeys(
        (*OTHERS, tenants_wire.SNAPSHOT_KIND), False
    )
