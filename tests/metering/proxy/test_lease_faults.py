"""What may go wrong around a lease, and what its tenant pays then.

Which test is for which fault of leases: tests/README.md.
"""

import signal
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from inference.domain.lease_control import LeaseEvents
from metering.domain.lease_intervals import lease_intervals
from tests.metering.proxy.conftest import ENGINE_KEY, NO_TLS, until
from tests.metering.proxy.talk import SYSTEM, Talk

_SHIFTED = """
import runpy, time
from pathlib import Path
shift, true = Path({path!r}), time.time_ns
time.time_ns = lambda: true() + int(shift.read_text()) * 10**9
runpy.run_module("metering.proxy.main", run_name="__main__", alter_sys=True)
"""


class Clock:
    """Of a proxy, so many seconds beside the engine's and everybody else's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.jump(0)

    def jump(self, seconds: int) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(str(seconds))
        draft.replace(self._path)

    @property
    def code(self) -> str:
        return _SHIFTED.format(path=str(self._path))


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "shift")


@pytest.fixture
def shifted(bare_plane, clock):
    """A plane whose proxy goes by `clock`."""
    bare_plane.start_engine()
    bare_plane.start_proxy(code=clock.code)
    bare_plane.begin_test()
    return bare_plane


def receipts(plane, lease_id):
    """That the engine wrote of this lease."""
    transport = httpx.HTTPTransport(uds=str(plane.engines[1]), verify=NO_TLS)
    headers = {"authorization": f"Bearer {ENGINE_KEY}"}
    with httpx.Client(transport=transport, headers=headers) as client:
        answer = client.get("http://e/v1/tokenfab/lease_events?sequence=0")
    told = msgspec.json.decode(answer.content, type=LeaseEvents).receipts
    return [one for one in told if f"kvl_{one.lease_id}" == lease_id]


class _Told:
    """A receipt as the books keep it."""

    is_inferred = False

    def __init__(self, receipt):
        self._receipt = receipt

    def __getattr__(self, name):
        return getattr(self._receipt, name)


def charged_ms(plane, lease_id):
    """By what engine and usage event say."""
    story = [_Told(one) for one in receipts(plane, lease_id)]
    (sold,) = [e for e in plane.events() if f"kvl_{e.lease_id}" == lease_id]
    found = lease_intervals(story, sold_until_ms=sold.lease_expires_at_us // 1000)
    return sum(one.ended_ms - one.started_ms for one in found)


def release(plane, talk):
    headers = {"authorization": f"Bearer {talk.secret}"}
    answer = plane.client.delete(f"/v1/kv_leases/{talk.lease}", headers=headers)
    assert answer.json()["status"] == "released"


@pytest.mark.parametrize("seconds", [-59, -30, 30, 59])
def test_clocks_that_differ_charge_no_more_than_was_held(shifted, clock, seconds):
    clock.jump(seconds)
    talk = Talk(shifted, timeout="50s")
    began = time.monotonic()
    assert talk.turn("Begin.")["kv_lease"]["status"] == "granted"
    release(shifted, talk)
    held_ms = (time.monotonic() - began) * 1000

    charged = charged_ms(shifted, talk.lease)
    # Sold until before it began, by the engine's clock: nothing.
    assert charged == 0 if seconds == -59 else 0 < charged <= held_ms


def test_clocks_too_far_apart_sell_no_lease(shifted, clock):
    clock.jump(900)
    told = Talk(shifted).turn("Begin.")["kv_lease"]

    assert (told["id"], told["status"]) == (None, "unverified")
    (event,) = shifted.events()
    assert (event.lease_id, event.lease_cost_nanos) == ("", 0)


def test_a_clock_that_goes_back_makes_nobody_late(shifted, clock):
    talk = Talk(shifted)
    lease = talk.turn("Begin.")["kv_lease"]
    clock.jump(-900)

    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert previous["outcome"] == "reused"
    assert previous["held_seconds"] == 0
    event = shifted.events()[-1]
    assert event.leased_input_tokens == lease["tokens"]
    assert event.cost_nanos > 0


def test_a_clock_that_jumps_ahead_ends_the_time_that_was_sold(shifted, clock):
    talk = Talk(shifted)
    talk.turn("Begin.")
    clock.jump(900)

    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert (previous["outcome"], previous["leased_tokens"]) == ("expired", 0)
    assert previous["held_seconds"] == 60


def leased_talk(plane):
    talk = Talk(plane)
    lease = talk.turn("Begin.")["kv_lease"]
    return (talk, lease) if lease["id"] else None


def test_another_engine_takes_over_from_one_that_died(bare_plane):
    plane = bare_plane
    plane.start_engine(1)
    plane.start_engine(2)
    plane.start_proxy()
    plane.begin_test()
    # The proxy looks at what each engine has room for from time to time.
    talk, lease = until(lambda: leased_talk(plane))
    engine = plane.events()[-1].engine_id
    died = plane.processes[engine - 1]
    died.send_signal(signal.SIGKILL)
    died.wait()

    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert previous["outcome"] == "reused"
    assert previous["absorbed_tokens"] == lease["tokens"]
    event = plane.events()[-1]
    assert event.engine_id == 3 - engine
    assert event.leased_input_tokens == lease["tokens"]


@pytest.fixture(params=["100", "90"], ids=["for anybody", "for the tenant"])
def full(bare_plane, request):
    """A plane whose engine has no room for a further lease."""
    bare_plane.start_engine(SIMULATOR_BLOCKS="160", LEASE_TENANT_PERCENT=request.param)
    bare_plane.start_proxy()
    bare_plane.begin_test()
    talk = Talk(bare_plane)
    for _ in range(20):
        told = talk.turn(SYSTEM)["kv_lease"]
        if told["status"] != "granted":
            break
    assert told["status"] == "partial"
    return bare_plane


def test_without_room_a_turn_may_be_refused_before_it_runs(full):
    before = len(full.recorded())
    talk = Talk(full, on_full="fail")
    answer = talk.post(talk.body("Begin."))

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "kv_capacity_exhausted"
    assert int(answer.headers["retry-after"]) > 0
    assert len(full.recorded()) == before


def test_a_prompt_that_is_larger_than_its_room_is_refused_before_it_runs(bare_plane):
    bare_plane.start_engine(SIMULATOR_BLOCKS="160", LEASE_TENANT_PERCENT="50")
    bare_plane.start_proxy()
    bare_plane.begin_test()
    talk = Talk(bare_plane, on_full="fail")
    refused = talk.post(talk.body(SYSTEM))
    assert refused.status_code == 409
    assert "one tenant may" in refused.json()["error"]["message"]
    assert bare_plane.recorded() == []
    told = Talk(bare_plane).turn(SYSTEM)["kv_lease"]
    assert (told["status"], told["reason"]) == ("refused", "tenant_cap")


def test_a_talk_that_fills_its_share_goes_on_with_what_it_had(bare_plane):
    bare_plane.start_engine(SIMULATOR_BLOCKS="160", LEASE_TENANT_PERCENT="90")
    bare_plane.start_proxy()
    bare_plane.begin_test()
    talk = Talk(bare_plane, on_full="fail")
    told = [talk.turn(SYSTEM)["kv_lease"] for _ in range(8)]
    assert [one["status"] for one in told[-2:]] == ["partial", "partial"]
    assert told[-1]["previous"]["outcome"] == "reused"


def test_without_room_a_turn_runs_and_pays_for_no_lease(full):
    told = Talk(full).turn("Begin.")["kv_lease"]

    assert told["status"] == "refused"
    assert told["reason"] in {"leases_cap", "tenant_cap"}
    event = until(lambda: full.events()[-1])
    assert (event.lease_id, event.lease_cost_nanos) == ("", 0)
