"""A lease that a running simulator holds, and its row as the proxy writes it."""

import time
from uuid import uuid4

import msgspec

from inference.domain.lease_row import LeaseRow, valkey_key
from inference.domain.lease_terms import Tier
from inference.models import Engine
from tenants.models import ApiKey
from tests.engine_contract.engines import EngineUnderTest
from tests.engine_contract.lease_engines import Control, Conversation
from tests.factories import make_engine

TTL_MS = 60_000


def engine_row(running: EngineUnderTest, **fields) -> Engine:
    return make_engine(address=running.socket, **fields)


def lease_of(
    running: EngineUnderTest, engine: Engine, api_key: ApiKey, valkey
) -> LeaseRow:
    """Bought just now, for a minute."""
    conversation = Conversation(running, tenant_id=str(api_key.tenant_id))
    told = conversation.turn(lease_id=uuid4().hex, ttl_ms=TTL_MS)
    at_ms = time.time_ns() // 1_000_000
    row = LeaseRow(
        lease_id=conversation.lease_id,
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        model="smollm2-135m-instruct",
        engine_id=engine.pk,
        epoch=told["epoch"],
        tokens=told["tokens"],
        bytes=told["bytes"],
        last_hash=conversation.previous().last_hash,
        tier=Tier.HBM,
        granted_at_ms=at_ms,
        expires_at_ms=at_ms + TTL_MS,
    )
    keep(valkey, row)
    return row


def keep(valkey, row: LeaseRow) -> None:
    valkey.set(valkey_key(row.tenant_id, row.lease_id), msgspec.json.encode(row))


def kept(valkey, row: LeaseRow) -> LeaseRow:
    blob = valkey.get(valkey_key(row.tenant_id, row.lease_id))
    return msgspec.json.decode(blob, type=LeaseRow)


def held_by(running: EngineUnderTest) -> list[str]:
    """Ids of the leases."""
    return [one["lease_id"] for one in Control(running).leases()]
