"""One question in every dialect, and what the answers say that it cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engine_contract.engines import EngineUnderTest

Body = dict[str, Any]


@dataclass(frozen=True)
class Tokens:
    prompt: int
    cached: int
    written: int
    output: int


@dataclass(frozen=True, kw_only=True)
class Dialect:
    path: str
    body: Callable[[str, int], Body]
    """Of a prompt and a ceiling."""
    tokens: Callable[[Body], Tokens]
    """From the `usage` of an answer."""
    final: str
    """The event whose usage counts."""

    def ask(
        self, engine: EngineUnderTest, prompt: str, ceiling: int, **fields: Any
    ) -> Body:
        answer = engine.post(self.path, self.body(prompt, ceiling) | fields)
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()
        return found

    def cost(
        self, engine: EngineUnderTest, prompt: str, ceiling: int, **fields: Any
    ) -> Tokens:
        return self.tokens(self.ask(engine, prompt, ceiling, **fields)["usage"])

    def stream(
        self, engine: EngineUnderTest, prompt: str, ceiling: int, **fields: Any
    ) -> list[Body]:
        return engine.events(self.path, self.body(prompt, ceiling) | fields)

    def streamed_cost(self, events: list[Body]) -> Tokens:
        (final,) = [event for event in events if event["type"] == self.final]
        return self.tokens(final.get("response", final)["usage"])


def _response_tokens(usage: Body) -> Tokens:
    details = usage["input_tokens_details"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    return Tokens(
        prompt=usage["input_tokens"],
        cached=details["cached_tokens"],
        written=details["cache_write_tokens"],
        output=usage["output_tokens"],
    )


def _message_tokens(usage: Body) -> Tokens:
    cached = usage["cache_read_input_tokens"]
    written = usage["cache_creation_input_tokens"]
    return Tokens(
        prompt=usage["input_tokens"] + cached + written,
        cached=cached,
        written=written,
        output=usage["output_tokens"],
    )


RESPONSES = Dialect(
    path="/v1/responses",
    body=lambda prompt, ceiling: {
        "input": prompt,
        "max_output_tokens": ceiling,
        "ignore_eos": True,
    },
    tokens=_response_tokens,
    final="response.completed",
)
# Its ending cannot be told to wait: a hot and long story does not end by itself soon.
MESSAGES = Dialect(
    path="/v1/messages",
    body=lambda prompt, ceiling: {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": ceiling,
        "temperature": 1.5,
    },
    tokens=_message_tokens,
    final="message_delta",
)
both_dialects = pytest.mark.parametrize(
    "dialect", [RESPONSES, MESSAGES], ids=["responses", "messages"]
)
