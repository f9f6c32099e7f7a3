import msgspec
import pytest

from inference.wire import EngineAddress, Route, Task

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
