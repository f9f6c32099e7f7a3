"""The tenant's body in, the engine's body out, without a socket between them."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.proxy import errors
from metering.proxy.errors import Dialect, RefusedError
from metering.proxy.settings import SAMPLES_MAX
from metering.proxy.transform import request as transform
from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS, COMPLETIONS
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.transform.request import parse, rewrite

SALT = "the-tenant's-salt"
MESSAGES = [{"role": "user", "content": "Hi"}]
READ_BY_US = {"stream_options", "usage", "kv_retention", "kv_lease"}
NEVER_A_TENANTS = sorted(transform._DROPPED - READ_BY_US)
# What the proxy itself reads has a type to keep to; the rest passes as it is.
PASSING = sorted(
    CHAT_COMPLETIONS.fields
    - {"model", "stream", "n", "max_tokens", "max_completion_tokens"}
    - {"messages", "logit_bias"}
)


def rewritten(
    body: bytes | dict[str, Any], endpoint: Endpoint = CHAT_COMPLETIONS
) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return rewrite(parse(endpoint, raw), model="public-name", cache_salt=SALT)


def pairs(body: bytes) -> list[tuple[str, Any]]:
    """Every member as it stands in the text, doubled ones included."""
    listed: list[tuple[str, Any]] = json.loads(body, object_pairs_hook=list)
    return listed


def refusal(body: bytes, endpoint: Endpoint = CHAT_COMPLETIONS) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        parse(endpoint, body)
    return caught.value


def refusal_if_any(body: bytes, endpoint: Endpoint) -> RefusedError | None:
    try:
        parse(endpoint, body)
    except RefusedError as error:
        return error
    return None


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "default", "messages": MESSAGES, **fields}


def test_it_works():
    answer = json.loads(rewritten(chat(temperature=0.5, seed=7)))
    assert answer == {
        "model": "public-name",
        "messages": MESSAGES,
        "temperature": 0.5,
        "seed": 7,
        "cache_salt": SALT,
    }


def test_a_stream_always_says_its_usage():
    for asked in (None, {"include_usage": False}, {"include_usage": True}):
        body = chat(stream=True) | ({} if asked is None else {"stream_options": asked})
        parsed = parse(CHAT_COMPLETIONS, json.dumps(body).encode())
        sent = json.loads(rewrite(parsed, model="m", cache_salt=SALT))
        assert sent["stream_options"] == {
            "include_usage": True,
            "continuous_usage_stats": True,
        }
        assert parsed.asked.wants_usage is bool(asked and asked["include_usage"])


def test_what_is_asked_of_leases_is_ours_alone():
    lease = {"kv_retention": {"timeout": "1.5m"}, "kv_lease": f"kvl_{'0' * 32}"}
    sent = json.loads(rewritten(chat(**lease)))
    assert not set(lease) & set(sent)


def test_stream_options_without_a_stream_are_left_out():
    sent = json.loads(rewritten(chat(stream_options={"include_usage": True})))
    assert "stream_options" not in sent


@pytest.mark.parametrize("name", NEVER_A_TENANTS)
def test_what_is_the_engines_own_never_reaches_it(name: str):
    sent = json.loads(rewritten(chat(**{name: "from the tenant"})))
    assert sent.get(name) == (SALT if name == "cache_salt" else None)


@pytest.mark.parametrize(
    "name",
    ["", "cache_salt ", "Cache_Salt", "CACHE_SALT", "cache\u0000_salt", "\u017ftream"],
)
def test_it_refuses_an_unknown_field(name: str):
    error = refusal(json.dumps(chat(**{name: 1})).encode())
    assert (error.refusal, error.param) == (errors.UNKNOWN_PARAMETER, name)


def test_it_refuses_a_field_of_the_other_endpoint():
    assert refusal(json.dumps(chat(prompt="x")).encode()).param == "prompt"
    body = {"model": "default", "prompt": "x", "messages": MESSAGES}
    assert refusal(json.dumps(body).encode(), COMPLETIONS).param == "messages"


def test_an_unknown_field_is_quoted_in_part_only():
    error = refusal(json.dumps(chat(**{"x" * 5000: 1})).encode())
    assert len(error.body(Dialect.OPENAI, request_id="")) < 500


@pytest.mark.parametrize(
    "salt",
    [
        b'"cache_salt":"mine"',
        b'"cache_salt":"a","cache_salt":"b"',
        rb'"\u0063ache_salt":"mine"',
        rb'"cache_\u0073alt":"mine","cache_salt":null',
    ],
)
def test_the_salt_cannot_be_overridden(salt: bytes):
    body = b'{"model":"m","messages":[],%b}' % salt
    assert pairs(rewritten(body)).count(("cache_salt", SALT)) == 1
    assert b"mine" not in rewritten(body)


@pytest.mark.parametrize(
    ("member", "name", "value"),
    [
        (b'"n":1,"n":9', "n", 9),
        (rb'"n":9,"\u006e":1', "n", 1),
        (b'"stream":false,"stream":true', "stream", True),
        (b'"max_tokens":5,"max_tokens":6', "max_tokens", 6),
    ],
)
def test_a_doubled_field_is_read_once(member: bytes, name: str, value: object):
    """What the proxy holds and what the engine does must be the same value."""
    body = b'{"model":"m","messages":[],%b}' % member
    parsed = parse(CHAT_COMPLETIONS, body)
    known = {
        "n": parsed.asked.samples,
        "stream": parsed.asked.is_streamed,
        "max_tokens": parsed.asked.output_ceiling,
    }
    assert known[name] == value
    sent = pairs(rewritten(body))
    assert [found for key, found in sent if key == name] == [value]


def test_the_model_cannot_be_doubled():
    body = b'{"model":"free","messages":[],"model":"dear"}'
    assert parse(CHAT_COMPLETIONS, body).asked.model == "dear"
    assert [value for key, value in pairs(rewritten(body)) if key == "model"] == [
        "public-name"
    ]


@pytest.mark.parametrize(
    "value",
    [
        b"1e400",
        b"-1E+400",
        b"0.1000000000000000055511151231257827",
        b"123456789012345678901234567890",
        b"-0.0",
        rb'"\ud83d\ude00 \u0000 \\ \""',
        '"ümläut 日本 😀"'.encode(),
        b'{ "a" : [ 1 , {"b":null} ] , "a":2 }',
        b"[[[[[[[[[[]]]]]]]]]]",
    ],
)
def test_values_pass_byte_for_byte(value: bytes):
    sent = rewritten(b'{"model":"m","messages":%b,"seed":%b}' % (value, value))
    assert b'"messages":%b,' % value in sent
    assert b'"seed":%b,' % value in sent


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    fields=st.dictionaries(st.sampled_from(PASSING), JSON_VALUES),
    messages=JSON_VALUES,
    is_ascii=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
def test_whatever_is_allowed_arrives_as_it_was_sent(fields, messages, is_ascii, indent):
    body = {"model": "m", "messages": messages, **fields}
    text = json.dumps(body, ensure_ascii=is_ascii, indent=indent)
    sent = rewritten(text.encode("utf-8", "surrogatepass"))
    expected = {**body, "model": "public-name", "cache_salt": SALT}
    assert dict(pairs(sent)) == dict(pairs(json.dumps(expected).encode()))
    assert len(pairs(sent)) == len(expected)


@given(fields=st.dictionaries(st.text(), JSON_VALUES))
def test_nothing_that_is_not_on_the_list_arrives(fields):
    try:
        sent = rewritten(json.dumps(chat(**fields)).encode())
    except RefusedError:
        return
    assert json.loads(sent).keys() <= CHAT_COMPLETIONS.fields | {"cache_salt"}


@given(body=st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_comes_is_parsed_or_refused(body: bytes):
    for endpoint in (CHAT_COMPLETIONS, COMPLETIONS):
        error = refusal_if_any(body, endpoint)
        if error is not None:
            assert error.refusal.status == 400
            assert msgspec.json.decode(error.body(Dialect.OPENAI, request_id=""))[
                "error"
            ]["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", errors.INVALID_JSON),
        (b"{", errors.INVALID_JSON),
        (b'{"model":"m"} x', errors.INVALID_JSON),
        (b'{"model":"m","messages":[1,]}', errors.INVALID_JSON),
        (b'{"model":"m","messages":NaN}', errors.INVALID_JSON),
        (b'{"model":"\xff","messages":[]}', errors.INVALID_JSON),
        (b'{"\xff":1,"model":"m","messages":[]}', errors.INVALID_JSON),
        (b'{"model":"m","messages":' + b"[" * 100_000, errors.INVALID_JSON),
        (b"[]", errors.INVALID_VALUE),
        (b"null", errors.INVALID_VALUE),
        (b'"text"', errors.INVALID_VALUE),
        (b'{"model":1,"messages":[]}', errors.INVALID_VALUE),
        (b'{"model":null,"messages":[]}', errors.INVALID_VALUE),
    ],
)
def test_it_refuses_what_is_no_request(body: bytes, code: errors.Refusal):
    assert refusal(body).refusal is code


@pytest.mark.parametrize(
    ("member", "param"),
    [
        ('"n":0', "n"),
        (f'"n":{SAMPLES_MAX + 1}', "n"),
        ('"n":1.5', "n"),
        ('"n":1e400', "n"),
        ('"n":true', "n"),
        ('"n":"2"', "n"),
        ('"max_tokens":0', "max_tokens"),
        ('"max_tokens":-1', "max_tokens"),
        ('"max_tokens":"10"', "max_tokens"),
        ('"max_tokens":1e400', "max_tokens"),
        ('"max_completion_tokens":0', "max_completion_tokens"),
        ('"stream":"yes"', "stream"),
        ('"stream":1', "stream"),
        ('"stream_options":[]', "stream_options"),
        ('"stream_options":{"include_usage":1}', "stream_options.include_usage"),
    ],
)
def test_it_refuses_a_value_with_its_field(member: str, param: str):
    error = refusal(f'{{"model":"m","messages":[],{member}}}'.encode())
    assert (error.refusal, error.param) == (errors.INVALID_VALUE, param)


@pytest.mark.parametrize(
    ("body", "endpoint", "param"),
    [
        (b'{"messages":[]}', CHAT_COMPLETIONS, "model"),
        (b"{}", CHAT_COMPLETIONS, "model"),
        (b'{"model":"m"}', CHAT_COMPLETIONS, "messages"),
        (b'{"model":"m"}', COMPLETIONS, "prompt"),
    ],
)
def test_it_refuses_a_missing_field(body: bytes, endpoint: Endpoint, param: str):
    error = refusal(body, endpoint)
    assert (error.refusal, error.param) == (errors.MISSING_PARAMETER, param)


def test_it_refuses_a_huge_logit_bias():
    error = refusal(json.dumps(chat(logit_bias={"1": "x" * 8192})).encode())
    assert error.param == "logit_bias"
    parse(CHAT_COMPLETIONS, json.dumps(chat(logit_bias={"1": -100})).encode())


@pytest.mark.parametrize(
    ("fields", "endpoint", "ceiling"),
    [
        ({}, CHAT_COMPLETIONS, None),
        ({"max_tokens": 5}, CHAT_COMPLETIONS, 5),
        ({"max_tokens": 5, "max_completion_tokens": 6}, CHAT_COMPLETIONS, 6),
        ({"max_tokens": None}, CHAT_COMPLETIONS, None),
        ({"max_tokens": 10**30}, CHAT_COMPLETIONS, 10**30),
        ({}, COMPLETIONS, 16),
        ({"max_tokens": 5}, COMPLETIONS, 5),
        ({"max_tokens": None}, COMPLETIONS, None),
    ],
)
def test_it_knows_the_output_ceiling(
    fields: dict[str, Any], endpoint: Endpoint, ceiling: int | None
):
    body = {"model": "m", endpoint.prompt_fields[0]: "x", **fields}
    assert parse(endpoint, json.dumps(body).encode()).asked.output_ceiling == ceiling


def test_tools_count_as_prompt():
    without = parse(CHAT_COMPLETIONS, json.dumps(chat()).encode())
    tools = [{"type": "function", "function": {"name": "f"}}]
    with_tools = parse(CHAT_COMPLETIONS, json.dumps(chat(tools=tools)).encode())
    assert with_tools.prompt_bytes == without.prompt_bytes + len(json.dumps(tools))
