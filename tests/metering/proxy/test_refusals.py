"""What the caller sends wrong: each row a documented error, and nothing left behind."""

import time
from typing import Any

import pytest
from msgspec.structs import replace

from metering.proxy import errors
from metering.proxy.settings import BODY_BYTES_PER_SECOND_MIN
from tenants.domain import api_keys
from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.raw import RawClient, request

GOOD = b'{"model":"default","messages":[{"role":"user","content":"Hi"}],"max_tokens":4}'


def fields(**changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": "default", "messages": messages, "max_tokens": 4, **changes}


def leaves_nothing_behind(plane: Plane) -> None:
    """No event, no call in flight, and the proxy still serves."""
    assert plane.events() == []
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 0)
    fresh = plane.add_key()
    until(lambda: plane.chat(fresh).status_code == 200)


BODIES = [
    # body, code, param
    (b"", "invalid_json", None),
    (b"{", "invalid_json", None),
    (b"hello", "invalid_json", None),
    (GOOD[:-10], "invalid_json", None),
    (GOOD + b"x", "invalid_json", None),
    (b"[" * 100_000, "invalid_value", None),
    (b'{"model":"m","messages":' + b"[" * 100_000, "invalid_json", None),
    (b"[]", "invalid_value", None),
    (b'"text"', "invalid_value", None),
    (b"{}", "missing_required_parameter", "model"),
    (b'{"model":"default"}', "missing_required_parameter", "messages"),
    (b'{"model":7,"messages":[]}', "invalid_value", "model"),
    (GOOD.replace(b"4}", b'"4"}'), "invalid_value", "max_tokens"),
    (GOOD.replace(b"4}", b"0}"), "invalid_value", "max_tokens"),
    (GOOD.replace(b"4}", b"-1}"), "invalid_value", "max_tokens"),
    (GOOD.replace(b"4}", b'4,"n":0}'), "invalid_value", "n"),
    (GOOD.replace(b"4}", b'4,"n":1000}'), "invalid_value", "n"),
    (GOOD.replace(b"4}", b'4,"stream":"yes"}'), "invalid_value", "stream"),
    (GOOD.replace(b"4}", b'4,"nonsense":1}'), "unknown_parameter", "nonsense"),
    (GOOD.replace(b'"default"', b'"gpt-9"'), "model_not_found", "model"),
]


@pytest.mark.parametrize(("body", "code", "param"), BODIES)
def test_it_refuses_a_body(plane: Plane, secret: str, body, code, param):
    answer = plane.client.post(
        "/v1/chat/completions",
        content=body,
        headers={"authorization": f"Bearer {secret}"},
    )
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param), error
    assert 400 <= answer.status_code < 500
    assert error["message"]
    assert answer.headers["x-request-id"].startswith("req_")
    leaves_nothing_behind(plane)


def test_it_refuses_what_the_engine_refuses(plane: Plane, secret: str):
    answer = plane.chat(secret, max_tokens=100_000)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    answer = plane.chat(secret, "word " * 9000)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    leaves_nothing_behind(plane)


def test_it_refuses_a_missing_key(plane: Plane):
    for headers in ({}, {"authorization": "Bearer"}, {"authorization": "Basic abc"}):
        answer = plane.client.post(
            "/v1/chat/completions", json=fields(), headers=headers
        )
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "missing_api_key"
    leaves_nothing_behind(plane)


def test_it_tells_a_typo_from_an_unknown_key(plane: Plane, secret: str):
    typo = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    for key, code in (
        (typo, "malformed_api_key"),
        ("sk-something-else", "malformed_api_key"),
        (api_keys.make("live"), "invalid_api_key"),
    ):
        answer = plane.chat(key)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == code
    leaves_nothing_behind(plane)


def test_it_refuses_a_revoked_key_within_a_second(plane: Plane, secret: str):
    assert plane.chat(secret).status_code == 200
    revoked = plane.add_key(state="revoked")
    assert plane.chat(revoked).json()["error"]["code"] == "revoked_api_key"
    for number, policy in plane.policies.items():
        plane.policies[number] = replace(policy, state="revoked")
    plane.publish_keys()
    published = time.monotonic()
    until(lambda: plane.chat(secret).status_code == 401, seconds=5)
    assert time.monotonic() - published < 1


def test_it_refuses_an_expired_key(plane: Plane):
    expired = plane.add_key(expires_at=time.time() - 1)
    answer = plane.chat(expired)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "expired_api_key"
    leaves_nothing_behind(plane)


def test_it_refuses_a_tenant_that_has_not_paid_until_it_has(plane: Plane, secret: str):
    def suspend(is_suspended: bool) -> None:
        for number, policy in plane.policies.items():
            plane.policies[number] = replace(policy, is_suspended=is_suspended)
        plane.publish_keys()

    assert plane.chat(secret).status_code == 200
    suspend(True)
    until(lambda: plane.chat(secret).status_code == 402, seconds=5)
    refused = plane.chat(secret).json()["error"]
    suspend(False)

    assert (refused["code"], refused["type"]) == ("payment_overdue", "billing_error")
    assert "Billing" in refused["message"]
    until(lambda: plane.chat(secret).status_code == 200, seconds=5)


def test_it_refuses_a_tenant_that_staff_suspended_in_each_dialect(
    plane: Plane, secret: str
):
    def suspend(is_suspended: bool) -> None:
        for number, policy in plane.policies.items():
            plane.policies[number] = replace(
                # It owes as well: what staff say comes first.
                policy,
                is_suspended_by_staff=is_suspended,
                is_suspended=is_suspended,
            )
        plane.publish_keys()

    def ask(path: str) -> Any:
        headers = {"authorization": f"Bearer {secret}"}
        return plane.client.post(path, content=GOOD, headers=headers)

    assert plane.chat(secret).status_code == 200
    suspend(True)
    until(lambda: plane.chat(secret).status_code == 403, seconds=5)
    openai = ask("/v1/chat/completions").json()["error"]
    responses = ask("/v1/responses").json()["error"]
    anthropic = ask("/v1/messages").json()
    suspend(False)

    assert (openai["code"], openai["type"]) == ("tenant_suspended", "permission_error")
    assert responses == openai
    assert anthropic["type"] == "error"
    assert anthropic["error"]["type"] == "permission_error"
    assert anthropic["error"]["code"] == "tenant_suspended"
    until(lambda: plane.chat(secret).status_code == 200, seconds=5)


def test_it_finds_a_key_that_was_made_just_now(plane: Plane):
    for _ in range(5):
        assert plane.chat(plane.add_key()).status_code == 200


def test_it_refuses_a_model_outside_the_allow_list(plane: Plane):
    key = plane.add_key(allowed_models=("another-model",))
    answer = plane.chat(key)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "model_not_allowed"
    headers = {"authorization": f"Bearer {key}"}
    assert plane.client.get("/v1/models", headers=headers).json()["data"] == []


def test_it_refuses_an_unpriced_model(plane: Plane, secret: str):
    plane.publish_prices(models=("another-model",))
    until(lambda: plane.chat(secret).status_code == 503)
    assert plane.chat(secret).json()["error"]["code"] == "model_not_priced"


def test_it_refuses_when_the_key_snapshot_expired(plane: Plane, secret: str):
    plane.publish_keys(lifetime=-1)
    until(lambda: plane.chat(secret).status_code == 503)
    assert plane.chat(secret).json()["error"]["code"] == "keys_unavailable"


def test_it_ignores_a_forged_snapshot(plane: Plane, secret: str):
    assert plane.chat(secret).status_code == 200
    key = "tokenfab:snapshot:key_policies"
    good = plane.valkey.get(key)
    assert isinstance(good, bytes)
    plane.valkey.set(key, b"0" * 64 + good[64:])
    plane.version += 1
    plane.valkey.set(f"{key}:version", plane.version)
    until(lambda: "was rejected" in plane.log("proxy"))
    assert plane.chat(secret).status_code == 200


def test_it_refuses_an_unknown_route_and_method(plane: Plane, secret: str):
    headers = {"authorization": f"Bearer {secret}"}
    for path in ("/", "/v1", "/v1/nothing", "/invocations", "/tokenize", "/v1/../x"):
        answer = plane.client.get(path, headers=headers)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["code"] == "unknown_url"
    answer = plane.client.get("/v1/chat/completions", headers=headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert plane.client.delete("/v1/models", headers=headers).status_code == 405
    leaves_nothing_behind(plane)


def test_it_refuses_an_oversized_body_early(bare_plane: Plane):
    plane = bare_plane
    plane.start_engine()
    plane.publish_prices()
    plane.publish_keys()
    plane.start_proxy(BODY_BYTES_MAX="20000")
    until(plane.is_ready)
    secret = plane.add_key()
    large = b" " * 30_000
    headers = {"authorization": f"Bearer {secret}"}
    url = "/v1/chat/completions"
    sized = plane.client.post(url, content=large, headers=headers)
    chunked = plane.client.post(
        url, content=(large[:9000] for _ in range(5)), headers=headers
    )
    for answer in (sized, chunked):
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "body_too_large"
    assert plane.chat(secret, "x" * 15_000, max_tokens=1).status_code in (200, 400)
    assert plane.metric("tokenfab_proxy_calls_in_flight") == 0


def test_it_refuses_bad_http(plane: Plane):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
    for data, status in (
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"hello\r\n\r\n", 400),
        (head + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (head + b"content-length: 5\r\ncontent-length: 6\r\n\r\n", 400),
        (head + b"content-length: -5\r\n\r\n", 400),
        (head + b"a: b\r\n folded\r\n\r\n", 400),
        (head + b"bad name: x\r\n\r\n", 400),
        (head + b"x: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (head + b"x: y\r\n" * 101 + b"\r\n", 431),
        (b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /v1/models HTTP/1.0\r\n\r\n", 505),
    ):
        client = plane.raw()
        client.send(data)
        answer = client.answer()
        assert answer.status == status, (data[:80], answer)
        assert answer.is_closed
        assert client.receive_all() == b""
        client.close()
    leaves_nothing_behind(plane)


def test_pipelined_requests_are_refused_after_the_first(plane: Plane, secret: str):
    client = plane.raw()
    client.send(request(secret, GOOD) * 3)
    assert client.answer().status == 200
    second = client.answer()
    assert second.status == 400
    assert second.is_closed
    assert client.receive_all() == b""
    assert len(plane.events()) == 1


def test_a_kept_connection_serves_many(plane: Plane, secret: str):
    client = plane.raw()
    for _ in range(3):
        client.post(secret, GOOD)
        assert client.answer().status == 200
    client.post("tf_live_wrong", GOOD)
    assert client.answer().status == 401
    client.post(secret, GOOD)
    assert client.answer().status == 200


def test_a_body_in_chunks_and_in_single_bytes(plane: Plane, secret: str):
    client = plane.raw()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n"
    for byte in request(secret, chunks, b"transfer-encoding: chunked"):
        client.send(bytes([byte]))
    assert client.answer().status == 200


def test_expect_100_continue(plane: Plane, secret: str):
    client = plane.raw()
    client.send(request(secret, GOOD, b"expect: 100-continue")[: -len(GOOD)])
    assert client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    client._read = b""
    client.send(GOOD)
    assert client.answer().status == 200
    refused = plane.raw()
    refused.send(request("tf_live_no", GOOD, b"expect: 100-continue")[: -len(GOOD)])
    assert refused.answer().status == 401


def test_a_slow_head_and_a_slow_body_are_cut(bare_plane: Plane):
    plane = bare_plane
    secret = plane.add_key()
    plane.start_proxy(HEAD_SECONDS="0.5", BODY_SECONDS="0.5")
    headers = {"authorization": f"Bearer {secret}"}
    until(lambda: plane.client.get("/v1/models", headers=headers).is_success)
    slow_head, slow_body = plane.raw(), plane.raw()
    slow_head.send(b"POST /v1/chat/completions HTTP/1.1\r\nx: ")
    slow_body.send(request(secret, GOOD)[:-10])

    def trickle() -> bool:
        slow_head.send(b"y")
        slow_head.socket.settimeout(0.05)
        try:
            return bool(slow_head.receive_some())
        except TimeoutError:
            return False

    until(trickle, seconds=5)
    assert slow_head.answer().status == 408
    assert slow_body.answer().status == 408


def test_a_body_that_trickles_is_cut_and_a_steady_one_is_not(bare_plane: Plane):
    plane = bare_plane
    secret = plane.add_key()
    plane.start_proxy(BODY_SECONDS="0.5")
    headers = {"authorization": f"Bearer {secret}"}
    until(lambda: plane.client.get("/v1/models", headers=headers).is_success)
    trickling, steady = plane.raw(), plane.raw()
    whole = request(secret, GOOD + b" " * 4 * BODY_BYTES_PER_SECOND_MIN)
    steady.send(whole[:600])
    trickling.send(whole[:600])
    trickling.socket.settimeout(0.05)
    left = whole[600:]
    while _takes_one_more(trickling):
        steady.send(left[: BODY_BYTES_PER_SECOND_MIN // 10])
        left = left[BODY_BYTES_PER_SECOND_MIN // 10 :]
    assert trickling.answer().status == 408
    assert left  # the steady one took as long, and is not done
    steady.send(left)
    assert b"model_not_found" in steady.answer().body  # which is in the body


def _takes_one_more(client: RawClient) -> bool:
    """After waiting 50 ms for an answer."""
    client.send(b" ")
    try:
        client.receive_some()
    except TimeoutError:
        return True
    return False


def test_every_refusal_of_the_table_has_a_code_of_its_own():
    table = [row for row in vars(errors).values() if isinstance(row, errors.Refusal)]
    assert len({row.code for row in table}) == len(table)
