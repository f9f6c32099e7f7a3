"""Whatever the bytes and fields are: a refusal in our words, or a body for engines."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.proxy.errors import RefusedError
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.transform.endpoints import ENDPOINTS
from metering.proxy.transform.notes import with_note
from metering.proxy.transform.request import _DROPPED, ParsedRequest, parse, rewrite
from metering.proxy.usage import InvalidAnswerError, Usage, cost_nanos
from metering.wire import PriceVector
from tests.metering.proxy.fuzz.requests import BODIES

SALT = "the-tenant's-salt"
NAMES = [one.name for one in ENDPOINTS.values()]
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=NAMES)
PRICE = PriceVector(
    price_version_id=1,
    model="m",
    new_input_nanos_per_million=10**12,
    cached_input_nanos_per_million=10**12,
    output_nanos_per_million=10**12,
    image_nanos_per_million=10**15,
    effective_from=0,
    effective_to=None,
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=8,
)
fields = st.sampled_from(
    sorted({name for one in ENDPOINTS.values() for name in one.fields} | _DROPPED)
)
changes = st.dictionaries(fields | st.text(max_size=8), values, max_size=5)
USAGE_NAMES = [
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens",
    "prompt_tokens_details", "completion_tokens_details", "input_tokens_details",
    "output_tokens_details", "cached_tokens", "created_cache_tokens", "data", "usage",
    "reasoning_tokens", "cache_write_tokens", "cache_read_input_tokens", "response",
    "cache_creation_input_tokens", "type",
]  # fmt: skip
answers = st.recursive(
    scalars | st.integers(0, 100),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(USAGE_NAMES), inner, max_size=5)
    ),
    max_leaves=20,
)


def parsed(endpoint: Endpoint, body: bytes) -> ParsedRequest | None:
    """None: it was refused, in a shape that can be sent."""
    try:
        return parse(endpoint, body)
    except RefusedError as refused:
        error = refused
    assert 400 <= error.refusal.status < 500
    answer = json.loads(error.body(endpoint.dialect, request_id="x"))
    assert answer["error"]["message"]
    return None


def check_rewritten(request: ParsedRequest) -> None:
    endpoint = request.endpoint
    body = rewrite(request, model="m", cache_salt=SALT)
    pairs = json.loads(body, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    ours = {"model", "cache_salt", "stream_options"}
    assert set(names) <= endpoint.fields | ours
    members = dict(pairs)
    assert members["model"] == "m"
    assert members.get("cache_salt", SALT) == SALT


@every_endpoint
@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=300))
def test_bytes_are_refused_or_understood(endpoint: Endpoint, body: bytes):
    if (request := parsed(endpoint, body)) is not None:
        check_rewritten(request)


@every_endpoint
@settings(max_examples=60, deadline=None)
@given(changed=changes)
def test_fields_are_refused_or_passed_on(endpoint: Endpoint, changed: dict[str, Any]):
    body = {"model": "default", **BODIES[endpoint.path], **changed}
    request = parsed(endpoint, json.dumps(body).encode())
    if request is not None:
        check_rewritten(request)
        asked = request.asked
        assert asked.samples >= 1
        assert asked.images >= 0
        assert asked.output_ceiling is None or asked.output_ceiling >= 1
        assert asked.is_streamed <= (endpoint.stream is not None)


@every_endpoint
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_body_is_refused_or_understood(endpoint: Endpoint, data):
    good = json.dumps({"model": "default", **BODIES[endpoint.path]}).encode()
    at = data.draw(st.integers(0, len(good)))
    until = data.draw(st.integers(at, len(good)))
    body = good[:at] + data.draw(st.binary(max_size=6)) + good[until:]
    if (request := parsed(endpoint, body)) is not None:
        check_rewritten(request)


@every_endpoint
@settings(max_examples=80, deadline=None)
@given(answer=answers)
def test_a_usage_is_possible_or_refused(endpoint: Endpoint, answer: Any):
    """And whatever is believed has a cost that every column and counter holds."""
    readers = [endpoint.usage]
    if endpoint.stream is not None:
        readers.append(endpoint.stream.final_usage)
    text = json.dumps(answer).encode()
    for read in readers:
        try:
            usage = read(text)
        except InvalidAnswerError:
            continue
        if usage is not None:
            check_possible(usage)


def check_possible(usage: Usage) -> None:
    for count in msgspec.structs.astuple(usage):
        assert 0 <= count < 2**31
    assert usage.cached_input_tokens <= usage.input_tokens
    assert usage.reasoning_tokens <= usage.output_tokens
    assert 0 <= cost_nanos(usage, PRICE) < 2**63


@pytest.mark.parametrize("count", [2**31, 2**53, 2**63, 10**30, -1])
@pytest.mark.parametrize("name", ["chat.completions", "responses", "messages"])
def test_no_call_uses_more_than_there_can_be(name: str, count: int):
    (endpoint,) = [one for one in ENDPOINTS.values() if one.name == name]
    begin = "prompt" if name == "chat.completions" else "input"
    end = "completion" if name == "chat.completions" else "output"
    for usage in (
        {f"{begin}_tokens": count, f"{end}_tokens": 1},
        {f"{begin}_tokens": 1, f"{end}_tokens": count},
    ):
        with pytest.raises(InvalidAnswerError):
            endpoint.usage(json.dumps({"usage": usage}).encode())


@settings(max_examples=200, deadline=None)
@given(answer=answers, path=st.sampled_from([(), ("usage",), ("response", "usage")]))
def test_the_cost_is_added_or_nothing_changes(answer: Any, path: tuple[str, ...]):
    text = json.dumps(answer).encode()
    noted = json.loads(with_note(text, path, "cost", "0.10"))
    found = noted
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, dict):
        assert found.pop("cost") == "0.10"
    assert noted == answer


@given(text=st.binary(max_size=60))
def test_what_is_no_json_gets_no_cost(text: bytes):
    try:
        json.loads(text)
    except ValueError:
        assert with_note(text, ("usage",), "cost", "0.10") == text
