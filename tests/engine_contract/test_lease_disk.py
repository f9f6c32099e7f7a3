"""Below host memory what is leased lies on disk, for days if it is asked for."""

from typing import Any

import pytest

from tests.engine_contract.lease_engines import (
    LONG_MS,
    Control,
    Conversation,
    flood,
    run_tiny,
    some_tokens,
)

# 64 blocks of the tiny model in each.
MIB = {"simulator": "90", "vllm": "1"}
ON_DISK: dict[str, Any] = {"ttl_ms": 0, "disk_ttl_ms": LONG_MS, "tier": "disk"}


@pytest.fixture(
    scope="module",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def tiered(request, tmp_path_factory):
    mib, folder = MIB[request.param], tmp_path_factory.mktemp("disk")
    with run_tiny(
        request.param, folder, LEASE_HOST_MIB=mib, LEASE_DISK_MIB=mib
    ) as engine:
        yield engine


@pytest.fixture(autouse=True)
def control(tiered):
    made = Control(tiered)
    yield made
    made.release_all()
    status = made.status
    assert (status["host_blocks"], status["disk_blocks"]) == (0, 0)
    assert status["disproved"] == 0


def fill_host_memory(engine):
    """With another tenant's leases, until nothing else is left there."""
    for _ in range(4):
        Conversation(engine, tokens=some_tokens(400)).turn(ttl_ms=0, host_ttl_ms=1)


def test_it_works(tiered, control):
    conversation, cold = Conversation(tiered), Conversation(tiered)
    told = conversation.turn(**ON_DISK)
    demoted = control.wait_for("demoted", told["asked"], after=told["sequence"])
    assert (demoted["tier"], demoted["tokens"]) == ("disk", 288)
    assert demoted["disk_until_ms"] > demoted["at_ms"]
    status = control.status
    held = status["held_blocks"], status["host_blocks"], status["disk_blocks"]
    assert held == (0, 0, 9)
    flood(tiered)
    whose = {"tenant_id": conversation.tenant_id}
    assert control.read(f"leases/{told['asked']}", **whose)["verified"]
    conversation.tokens += some_tokens(19)
    # Of another tenant, so that it has nothing of it; and both are to say the same.
    cold.tokens = list(conversation.tokens)
    assert cold.turn(leased=False)["cached"] == 0
    again = conversation.turn(**ON_DISK)
    assert (again["cached"], again["reusable_tokens"]) == (288, 288)
    assert conversation.tokens == cold.tokens


def test_it_goes_all_the_way_down(tiered, control):
    conversation = Conversation(tiered)
    told = conversation.turn(ttl_ms=1, host_ttl_ms=3_000, disk_ttl_ms=LONG_MS)
    first = control.wait_for("demoted", told["asked"], after=told["sequence"])
    second = control.wait_for("demoted", told["asked"], after=first["sequence"])
    assert (first["tier"], second["tier"]) == ("host", "disk")
    assert (second["host_until_ms"], second["tokens"]) == (0, 288)
    flood(tiered)
    fill_host_memory(tiered)
    assert conversation.turn(says=some_tokens(5), **ON_DISK)["cached"] == 288


def test_it_refuses_more_than_a_tenants_share(tiered):
    tenant_id = Conversation(tiered).tenant_id
    kept = [
        Conversation(tiered, tenant_id=tenant_id).turn(ttl_ms=1, disk_ttl_ms=LONG_MS)
        for _ in range(3)
    ]
    assert [one["reason"] for one in kept] == [None, None, "disk_cap"]
    assert [one["disk_until_ms"] > 0 for one in kept] == [True, True, False]
