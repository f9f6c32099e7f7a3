"""From where a key was last used is in Valkey seconds later, and nowhere else."""

from importlib.resources import files
from typing import Any

import msgspec
import pytest

from metering.proxy.settings import FORWARDED_FOR_BYTES_MAX
from metering.wire import LAST_CALLER_SECONDS, LastCaller, last_caller_key
from tests.metering.proxy.conftest import MODEL, Plane, until
from tests.metering.proxy.raw import request
from tests.metering.proxy.two_proxies import OwnValkey, TwoProxies
from tests.metering.proxy.warming import Prompt

TENANT = 1
FRONT = {"FRONT_ADDRESSES": "127.0.0.0/8, ::1"}
ELSEWHERE = "203.0.113.7"


def bearer(secret: str, forwarded_for: str = "") -> dict[str, str]:
    headers = {"authorization": f"Bearer {secret}"}
    return headers | ({"x-forwarded-for": forwarded_for} if forwarded_for else {})


def last_caller(valkey, api_key_id: int) -> LastCaller | None:
    found = valkey.get(last_caller_key(TENANT, api_key_id))
    return msgspec.json.decode(found, type=LastCaller) if found else None


def known_address(valkey, api_key_id: int) -> str | None:
    found = last_caller(valkey, api_key_id)
    return found.address if found else None


def caller(plane: Plane) -> LastCaller:
    """Of the newest key, as soon as it is there."""
    number = plane.keys_made
    found: LastCaller = until(lambda: last_caller(plane.valkey, number))
    return found


def models(plane: Plane, secret: str, forwarded_for: str = "") -> None:
    answer = plane.client.get("/v1/models", headers=bearer(secret, forwarded_for))
    assert answer.is_success


def test_it_works(plane: Plane, secret: str):
    number = plane.keys_made

    assert plane.chat(secret).is_success

    found = caller(plane)
    (event,) = plane.events()
    assert found == LastCaller(
        used_at_us=event.received_at_us,
        address="127.0.0.1",
        endpoint="chat.completions",
        model=MODEL,
    )
    kept_seconds = plane.valkey.ttl(last_caller_key(TENANT, number))
    assert 0 <= LAST_CALLER_SECONDS - kept_seconds < 60


def test_each_key_has_its_own_and_the_latest_stays(plane: Plane, secret: str):
    first = plane.keys_made
    other = plane.add_key(tenant_id=2)
    until(lambda: plane.chat(other).is_success)
    plane.chat(secret)
    models(plane, secret)

    found = until(
        lambda: (one := last_caller(plane.valkey, first)) and not one.endpoint and one
    )
    assert (found.endpoint, found.model) == ("", "")
    assert last_caller(plane.valkey, plane.keys_made) is None  # it is tenant 2's
    until(lambda: plane.valkey.get(last_caller_key(2, plane.keys_made)))


def test_a_refused_call_is_a_use_too(plane: Plane):
    """Somebody tries what the key may do."""
    secret = plane.add_key(allowed_models=())
    until(lambda: plane.chat(secret).status_code == 403)
    assert caller(plane).model == MODEL

    other = plane.add_key()
    made_up = "x" * 5_000
    until(lambda: plane.chat(other, model=made_up).status_code == 404)
    assert (caller(plane).endpoint, caller(plane).model) == ("chat.completions", "")


def test_who_is_no_front_is_not_believed(plane: Plane, secret: str):
    models(plane, secret, ELSEWHERE)

    assert caller(plane).address == "127.0.0.1"


def test_neither_journal_nor_log_has_it(plane: Plane, secret: str):
    headers = bearer(secret, ELSEWHERE)
    body = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}
    plane.client.post("/v1/chat/completions", json=body, headers=headers)
    caller(plane)

    assert len(plane.events()) == 1
    segments = [path.read_bytes() for path in plane.home.glob("journal/0/*.journal")]
    assert b"chat.completions" in b"".join(segments)
    written = b"".join([*segments, plane.log("proxy").encode()])
    assert b"127.0.0.1" not in written.replace(b"listening on 127.0.0.1", b"")
    assert ELSEWHERE.encode() not in written


def test_the_playground_is_nobodys_use(plane: Plane):
    page = plane.add_key(is_of_playground=True)
    of_page = plane.keys_made
    until(lambda: plane.chat(page).is_success)
    program = plane.add_key()
    until(lambda: plane.chat(program).is_success)

    caller(plane)  # the later one is there: so is all before it
    assert last_caller(plane.valkey, of_page) is None


def test_an_order_is_nobodys_use(plane: Plane):
    secret = plane.add_key()
    ordered = plane.keys_made
    prompt = Prompt(plane, secret=secret)
    until(lambda: prompt.post(prompt.order()).is_success)
    program = plane.add_key()
    until(lambda: plane.chat(program).is_success)

    caller(plane)
    assert last_caller(plane.valkey, ordered) is None


@pytest.fixture
def fronted(bare_plane: Plane) -> Plane:
    bare_plane.start_proxy(**FRONT)
    bare_plane.publish_routes()
    return bare_plane


def test_a_front_says_whose_call_it_passes_on(fronted: Plane):
    secret = fronted.add_key()
    until(lambda: fronted.client.get("/v1/models", headers=bearer(secret)).is_success)
    number = fronted.keys_made

    def address_after(*lines: bytes) -> str:
        before = last_caller(fronted.valkey, number)
        client = fronted.raw()
        head = request(secret, b"", *lines, path=b"/v1/models")
        client.send(head.replace(b"POST", b"GET", 1))
        assert client.answer().status == 200
        after: LastCaller = until(
            lambda: (
                (found := last_caller(fronted.valkey, number))
                and (before is None or found.used_at_us > before.used_at_us)
                and found
            )
        )
        return after.address

    until(lambda: last_caller(fronted.valkey, number))
    assert address_after(b"x-forwarded-for: 2001:DB8::7") == "2001:db8::7"
    # Several lines are one list; the last was added last, here by a second front.
    lines = [b"198.51.100.1", b"203.0.113.7", b"127.0.0.2"]
    assert (
        address_after(*(b"X-Forwarded-For: %b" % line for line in lines)) == ELSEWHERE
    )
    long = b"198.51.100.1, " * (2 * FORWARDED_FOR_BYTES_MAX // 14)
    assert address_after(b"x-forwarded-for: %b203.0.113.7" % long) == ELSEWHERE
    assert address_after(b"x-forwarded-for: nonsense") == "127.0.0.1"


def test_it_refuses_to_start_with_what_is_no_network(bare_plane: Plane):
    with pytest.raises(AssertionError, match=r"FRONT_ADDRESSES: '10\.0\.0' does not"):
        bare_plane.start_proxy(FRONT_ADDRESSES="10.0.0")


def test_a_caller_by_ipv6(bare_plane: Plane):
    bare_plane.url = f"http://[::1]:{bare_plane.port}"
    bare_plane.client.close()
    bare_plane.client = bare_plane.new_client()
    bare_plane.start_proxy(PROXY_HOST="::1")
    bare_plane.publish_routes()
    secret = bare_plane.add_key()
    until(
        lambda: bare_plane.client.get("/v1/models", headers=bearer(secret)).is_success
    )

    assert caller(bare_plane).address == "::1"


@pytest.fixture
def own_valkey(tmp_path):
    server = OwnValkey(tmp_path)
    server.start()
    yield server
    server.stop()


def test_two_proxies_and_a_valkey_that_dies(bare_plane: Plane, own_valkey: OwnValkey):
    """Calls do not wait for it, and the latest is told when it is back."""
    plane = bare_plane
    plane.valkey = own_valkey.client
    both = TwoProxies(plane, own_valkey.url)
    both.plane.start_engine()
    plane.publish_prices()
    both.start(**FRONT)
    secret = plane.add_key()
    until(lambda: both.knows(secret))

    def use(index: int, address: str) -> None:
        with both.client(index) as client:
            path, headers = "/v1/models", bearer(secret, address)
            assert client.get(path, headers=headers).is_success

    def is_known(address: str) -> bool:
        return known_address(own_valkey.client, plane.keys_made) == address

    use(0, "198.51.100.1")
    use(1, "198.51.100.2")
    until(lambda: is_known("198.51.100.2"))
    use(0, "198.51.100.3")
    until(lambda: is_known("198.51.100.3"))

    own_valkey.kill()
    use(1, "198.51.100.4")
    own_valkey.start()
    until(lambda: is_known("198.51.100.4"))


def test_the_later_use_stays_in_whatever_order_proxies_tell(valkey):
    script = (files("metering.proxy") / "lua" / "last_caller.lua").read_text()
    key = last_caller_key(TENANT, 7)

    def tell(used_at_us: int, address: str) -> Any:
        told = LastCaller(used_at_us=used_at_us, address=address, endpoint="", model="")
        return valkey.eval(script, 1, key, used_at_us, msgspec.json.encode(told), 60)

    now_us = 1_795_331_000_000_000
    assert tell(now_us, "198.51.100.1") == 1
    assert tell(now_us - 1, "198.51.100.2") == 0
    assert known_address(valkey, 7) == "198.51.100.1"
    assert tell(now_us + 1, "198.51.100.3") == 1
    assert known_address(valkey, 7) == "198.51.100.3"
