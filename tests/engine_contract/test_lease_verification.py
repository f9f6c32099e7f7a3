"""What leases claim is held against what the engine's pool tells of its blocks."""

import base64

import pytest

from tests.engine_contract.engines import wait_until
from tests.engine_contract.lease_engines import (
    LONG_MS,
    Control,
    Conversation,
    flood,
    run_tiny,
)


@pytest.fixture(
    scope="module",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def tiny(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verified")
    # 64 blocks of either, above and below.
    mib = "1" if request.param == "vllm" else "90"
    with run_tiny(request.param, folder, LEASE_HOST_MIB=mib) as engine:
        yield engine


@pytest.fixture(autouse=True)
def control(tiny):
    made = Control(tiny)
    yield made
    made.release_all()


def state(control, conversation, told):
    return control.read(f"leases/{told['asked']}", tenant_id=conversation.tenant_id)


def stored(control, tier):
    """Names of blocks that came to lie there, as the engine tells."""
    after, found = 0, set()
    while events := control.read("kv_events", sequence=after)["events"]:
        after = events[-1][0]
        for _, fact, where, names in events:
            if (fact, where) == ("stored", tier):
                found |= {base64.b64decode(name).hex() for name in names}
    return found


def test_it_works(tiny, control):
    conversation = Conversation(tiny)
    told = conversation.turn()
    assert state(control, conversation, told)["verified"]
    # Its names are computed here, from nothing but tokens and salt.
    assert set(conversation.hashes[:9]) <= stored(control, "hbm")
    flood(tiny)
    wait_until(lambda: all(one["verified"] for one in control.leases()))
    (lease,) = control.leases()
    assert lease["lease_id"] == told["asked"]
    assert (control.status["disproved"], control.status["unsupported"]) == (0, "")


def test_a_lease_below_is_verified_there(tiny, control):
    conversation = Conversation(tiny)
    told = conversation.turn(ttl_ms=0, host_ttl_ms=LONG_MS)
    control.wait_for("demoted", told["asked"], after=told["sequence"])
    flood(tiny)
    found = state(control, conversation, told)
    assert (found["tier"], found["verified"]) == ("host", True)
    assert set(conversation.hashes[:9]) <= stored(control, "host")
    again = conversation.turn(host_ttl_ms=LONG_MS)
    assert again["cached"] == 288
    assert state(control, conversation, again)["verified"]
    assert control.status["disproved"] == 0
