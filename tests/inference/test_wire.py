import msgspec
import pytest

from inference.wire import (
    CachedPromptContent,
    CachedPromptEntry,
    EngineAddress,
    Placement,
    Route,
    Task,
    content_key,
)

ROUTE = Route(
    model="smollm2-135m-instruct",
    is_default=True,
    context_tokens=4096,
    created_at=1_700_000_000,
    engines=(EngineAddress(engine_id=1, name="local", address="unix:/run/e.sock"),),
    task=Task.GENERATE,
    tokenizer_folder=None,
)


def test_it_works():
    item = msgspec.json.decode(msgspec.json.encode(ROUTE))

    assert msgspec.convert(item, Route) == ROUTE


@pytest.mark.parametrize("field", Route.__struct_fields__)
def test_it_refuses_a_missing_field(field):
    item = msgspec.to_builtins(ROUTE)
    del item[field]

    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(item, Route)


PLACEMENT = Placement(
    engine_id=1, lease_id="a" * 32, retained_tokens=1000, last_hash="b" * 64
)
CACHED_PROMPT = CachedPromptEntry(
    cached_prompt_id="c" * 32,
    tenant_id=3,
    project_id=4,
    name="manual",
    model="smollm2-135m-instruct",
    token_count=1007,
    messages=2,
    digest="d" * 64,
    expires_at_ms=1_800_000_000_000,
    placements=(PLACEMENT,),
)


def test_a_cached_prompt_travels_as_an_array():
    sent = msgspec.json.encode(CACHED_PROMPT)

    assert sent.startswith(b'["cccc')
    assert msgspec.json.decode(sent, type=CachedPromptEntry) == CACHED_PROMPT


def test_it_refuses_a_cached_prompt_without_placements():
    item = msgspec.to_builtins(CACHED_PROMPT)[:-1]

    with pytest.raises(msgspec.ValidationError, match="length"):
        msgspec.convert(item, CachedPromptEntry)


def test_the_content_of_a_cached_prompt_stays_as_it_was_written():
    message = b'{"content": "a",  "role": "system"}'
    content = msgspec.json.decode(
        b'{"messages":[' + message + b'],"tools":null}', type=CachedPromptContent
    )

    assert [bytes(one) for one in content.messages] == [message]
    assert content.tools is None


def test_contents_of_one_tenant_lie_together():
    assert content_key(tenant_id=3, cached_prompt_id="c" * 32) == (
        "tokenfab:cached_prompt:{3}:" + "c" * 32
    )
