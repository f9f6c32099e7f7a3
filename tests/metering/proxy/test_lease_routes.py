"""Looking at a lease, extending it, and giving it back."""

import pytest

from tests.engine_contract.engines import wait_until
from tests.metering.proxy.talk import Talk, forget_leases


@pytest.fixture
def talk(plane):
    forget_leases(plane)
    talk = Talk(plane)
    talk.turn("What is the time?")
    return talk


@pytest.fixture
def ask(plane, talk):
    def send(method, path="", *, secret=None, lease=None, **options):
        return plane.client.request(
            method,
            f"/v1/kv_leases/{lease or talk.lease}{path}",
            headers={"authorization": f"Bearer {secret or talk.secret}"},
            **options,
        )

    return send


def test_it_works(ask, talk):
    answer = ask("GET")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["id"], found["object"]) == (talk.lease, "kv_lease")
    assert (found["status"], found["verified"]) == ("live", True)
    assert found["tokens"] > 0
    assert found["bytes"] > 0
    assert found["ended_at"] is None


def test_a_longer_time(ask):
    before = ask("GET").json()["expires_at"]
    extended = ask("POST", "/extend", json={"timeout": "10m"})
    assert extended.status_code == 200, extended.text
    assert extended.json()["expires_at"] > before
    assert ask("GET").json()["expires_at"] == extended.json()["expires_at"]


def test_a_shorter_time_changes_nothing(ask):
    before = ask("GET").json()["expires_at"]
    extended = ask("POST", "/extend", json={"timeout": "1s"})
    assert extended.json()["expires_at"] == before
    assert ask("GET").json()["expires_at"] == before


def test_giving_it_back(ask, talk, plane):
    released = ask("DELETE").json()
    assert released["status"] == "released"
    assert released["ended_at"] is not None
    assert ask("DELETE").json() == released
    assert ask("GET").json() == released
    refused = ask("POST", "/extend", json={"timeout": "1s"})
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "kv_lease_ended"
    previous = talk.turn("And now?")["kv_lease"]["previous"]
    assert (previous["outcome"], previous["leased_tokens"]) == ("released", 0)
    assert plane.events()[-1].leased_input_tokens == 0


def test_the_next_turn_takes_its_place(ask, talk):
    before = talk.lease
    talk.turn("And now?")
    assert ask("GET", lease=before).json()["status"] == "reused"
    assert ask("GET").json()["status"] == "live"


def test_one_that_the_engine_lost(ask, plane):
    plane.order_fault("lose")
    plane.chat(plane.secret)
    found = ask("GET").json()
    assert (found["status"], found["verified"]) == ("lost", True)
    refused = ask("POST", "/extend", json={"timeout": "1s"})
    assert refused.json()["error"]["code"] == "kv_lease_ended"


def test_one_that_the_engine_holds_in_name_only(ask, plane, talk):
    plane.order_fault("unpin")
    plane.chat(plane.secret)
    assert ask("GET").json()["verified"] is False
    wait_until(lambda: ask("GET").json()["status"] == "lost")
    lost = talk.lease
    previous = talk.turn("And now?")["kv_lease"]["previous"]
    # Whoever asked is still promised what was sold, and once.
    assert previous["outcome"] == "lost"
    assert previous["absorbed_tokens"] == previous["leased_tokens"] > 0
    assert plane.events()[-1].leased_input_tokens == previous["leased_tokens"]
    assert ask("GET", lease=lost).json()["status"] == "reused"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("changes", [{"tenant_id": 2}, {"project_id": 12}])
def test_it_refuses_somebody_else(ask, plane, method, changes):
    answer = ask(method, secret=plane.add_key(**changes))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "kv_lease_not_found"
    assert ask("GET").json()["status"] == "live"


@pytest.mark.parametrize("lease", ["kvl_0", "kvl_" + "0" * 32, "%2e%2e"])
def test_it_refuses_an_id_that_is_none(ask, lease):
    assert ask("GET", lease=lease).status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"timeout": "-1s"}', b'{"timeout": 5}', b'{"ttl": "5s"}'],
)
def test_it_refuses_a_time_that_makes_no_sense(ask, body):
    answer = ask("POST", "/extend", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "timeout"


def test_it_refuses_to_extend_what_credit_was_not_held_for(ask, plane):
    plane.seed_money(credit=10**12)
    secret = plane.add_key(is_prepaid=True)
    answer = ask("POST", "/extend", json={"timeout": "1s"}, secret=secret)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "kv_lease_not_extended"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "", "GET, DELETE"), ("GET", "/extend", "POST")],
)
def test_it_refuses_another_method(ask, method, path, allowed):
    answer = ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
