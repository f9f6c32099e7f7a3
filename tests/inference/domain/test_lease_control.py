import msgspec
import pytest

from inference.domain import lease_control as control
from inference.domain.lease_control import EventsAfter, Extension, OneLease
from inference.domain.lease_receipt import Fact
from inference.domain.lease_table import UnknownLeaseError
from tests.inference.domain.test_lease_keeper import make_keeper, turn
from tests.inference.lease_samples import NOW, terms

OURS = {"lease_id": "kvl_1", "tenant_id": "a"}


@pytest.fixture
def keeper():
    made, _ = make_keeper()
    turn(made, terms(), [1, 2])
    return made


def test_it_works(keeper):
    told = control.status(keeper)
    assert (told.leases, told.held_blocks, told.last_sequence) == (1, 2, 1)
    assert (told.engine_id, told.epoch, told.at_ms) == ("e", "1", NOW)
    listed = control.list_leases(keeper)
    assert (listed.is_whole, listed.last_sequence) == (True, 1)
    (state,) = listed.leases
    assert state == control.get(keeper, OneLease(**OURS))
    assert (state.tokens, state.bytes, state.until_ms) == (64, 2000, NOW + 15_000)


def test_extending_and_releasing_are_told_by_receipts(keeper):
    renewed = control.extend(keeper, Extension(**OURS, ttl_ms=60_000))
    assert (renewed.fact, renewed.until_ms) == (Fact.RENEWED, NOW + 60_000)
    assert control.release(keeper, OneLease(**OURS)).fact == Fact.RELEASED
    told = control.events(keeper, EventsAfter(sequence=1))
    assert [one.sequence for one in told.receipts] == [2, 3]
    assert told.last_sequence == 3


@pytest.mark.parametrize("act", [control.get, control.release])
@pytest.mark.parametrize("wrong", [{"tenant_id": "b"}, {"lease_id": "kvl_2"}])
def test_it_refuses_a_lease_that_is_not_yours(keeper, act, wrong):
    with pytest.raises(UnknownLeaseError):
        act(keeper, OneLease(**OURS | wrong))


@pytest.mark.parametrize(
    "fields", [{"count_max": 0}, {"count_max": 9999}, {"sequence": -1}]
)
def test_it_refuses_numbers_out_of_bounds(fields):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, EventsAfter)


def test_a_list_that_is_cut_says_so(keeper, monkeypatch):
    turn(keeper, terms("kvl_2"), [3])
    monkeypatch.setattr(control, "LEASES_MAX", 1)
    listed = control.list_leases(keeper)
    assert (len(listed.leases), listed.is_whole) == (1, False)


@pytest.mark.parametrize(
    ("operation", "arguments", "status"),
    [
        ("status", {}, 200),
        ("list", {}, 200),
        ("events", {"sequence": 0}, 200),
        ("get", OURS, 200),
        ("get", OURS | {"tenant_id": "b"}, 404),
        ("extend", OURS | {"ttl_ms": -1}, 400),
        ("release", {"lease_id": "", "tenant_id": "a"}, 400),
    ],
)
def test_an_answer_is_a_status_and_json(keeper, operation, arguments, status):
    found, body = control.answer(keeper, operation, arguments)
    assert found == status
    assert ("error" in msgspec.json.decode(body)) == (status != 200)
