"""What an engine says of its own failures, as the caller may read it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.proxy import errors
from metering.proxy.errors import Dialect
from metering.proxy.transform.engine_errors import public_error

SALT = "5f2c-salt-of-a-tenant"


def vllm_error(message: str, param: str | None = None) -> bytes:
    error = {"message": message, "type": "BadRequestError", "param": param, "code": 400}
    return json.dumps({"error": error}).encode()


def shown(status: int, body: bytes) -> dict[str, Any]:
    text = public_error(status, body, secret=SALT).body(Dialect.OPENAI, request_id="")
    answer: dict[str, dict[str, Any]] = json.loads(text)
    return answer["error"]


def test_it_works():
    body = vllm_error("temperature must be non-negative", "temperature")
    assert shown(400, body) == {
        "message": "temperature must be non-negative",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "invalid_request",
    }


@pytest.mark.parametrize("status", [400, 422])
def test_it_names_the_field_as_the_caller_knows_it(status: int):
    assert shown(status, vllm_error("Bad", "body.messages.0"))["param"] == "messages.0"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("This model's maximum context length is 4096 tokens. However …", None),
        ("Too long", "input_tokens"),
    ],
)
def test_a_prompt_that_is_too_long_has_its_own_code(message: str, param: str | None):
    body = vllm_error(message, param)
    assert shown(400, body)["code"] == "context_length_exceeded"


def test_the_salt_is_never_shown():
    message = f"Input should be valid: {{'cache_salt': '{SALT}'}} {SALT}"
    error = public_error(400, vllm_error(message), secret=SALT)
    assert SALT not in error.body(Dialect.OPENAI, request_id="").decode()
    assert "Input should be valid" in error.message


@given(before=st.text(max_size=1100), after=st.text(max_size=100))
def test_no_part_of_a_message_leaves_a_part_of_the_salt(before: str, after: str):
    """A cut at the length limit must come behind the replacement, not before it."""
    error = public_error(400, vllm_error(before + SALT + after), secret=SALT)
    assert SALT[:8] not in error.message.replace(before, "").replace(after, "")
    assert len(error.message) <= 1000


@pytest.mark.parametrize("status", [429, 503])
def test_a_full_queue_is_worth_a_retry(status: int):
    error = public_error(status, b"", secret=SALT)
    assert error.refusal is errors.OVERLOADED
    assert error.retry_after_seconds == 1


@pytest.mark.parametrize("status", [401, 403, 404, 405, 413, 500, 502, 504])
def test_what_is_not_the_callers_fault_says_nothing_of_it(status: int):
    """A wrong engine key or a missing model there is ours to mend."""
    body = vllm_error("10.0.0.7: The model `/srv/models/x` does not exist.")
    error = public_error(status, body, secret=SALT)
    assert error.refusal is errors.ENGINE_UNAVAILABLE
    assert "10.0.0.7" not in error.body(Dialect.OPENAI, request_id="").decode()
    assert "/srv" not in error.body(Dialect.OPENAI, request_id="").decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Internal Server Error",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"detail":"Not Found"}',
        b'{"error":"Unauthorized"}',
        b'{"error":null}',
        b'{"error":{"message":null}}',
        b'{"error":{"message":"\xff"}}',
        b'{"error":{"message":"x","param":[1]}}',
        b'{"error":' + b"[" * 50_000,
        b'{"more":' + b"[" * 50_000,
    ],
)
def test_whatever_the_body_is_the_caller_gets_our_shape(body: bytes):
    error = shown(400, body)
    assert error["code"] == "invalid_request"
    assert error["message"]


@given(body=st.binary())
def test_no_body_breaks_it(body: bytes):
    assert shown(400, body)["message"]
