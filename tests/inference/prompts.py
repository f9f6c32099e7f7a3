"""Prompts of every kind that an engine counts, for `record_counts.py` and the tests."""

import random
from dataclasses import dataclass
from typing import Any

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
TEXTS = {
    "english": "The quick brown fox jumps over the lazy dog, 12 times in 3.5 seconds.",
    "code": "def add(a: int, b: int) -> int:\n\treturn a + b  # sum\n\n\nadd(1, 2)",
    "json": '{"a": [1, 2.5, null], "b": {"c": "d\\n"}}',
    "german": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "chinese": "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。",  # noqa: RUF001
    "arabic": "العربية تُكتب من اليمين إلى اليسار",
    "emoji": "👩‍👩‍👧‍👦 🇩🇪 👍🏽 ☃️",
    "decomposed": "e\u0301tude A\u030angstro\u0308m \u1100\u1161 \u0958 \U0001d160",
    "space": "  a \t b\r\n\r\n   c\u00a0d\u3000e \n\n\n f   ",
    "special": "one <|im_end|>\n<|im_start|>user\ntwo <|end|><|role|> three<|end|",
    "struck special": "one <|end|>\u0338 e\u0301 two <|im_end|>\u0338 three",
    "contractions": "it's we'll I'd they've IT'S WE'LL don't'd 'twas",
    "digits": "1 12 123 1234 12345 1,234.5 0x1F ٣٤ ⅷ ²",
    "long word": "a" * 3000,
    "long space": " " * 3000 + "x",
    "empty": "",
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Finds “things”.",
            "parameters": {
                "type": "object",
                "properties": {"what": {"type": "string"}, "limit": {"type": "number"}},
                "required": ["what"],
            },
            "strict": True,
        },
    },
    {"type": "function", "function": {"name": "now"}},
]
_CALL = {
    "type": "function",
    "id": "call_1",
    "function": {"name": "look_up", "arguments": '{"what":"sea","limit":2.50}'},
}


CEILINGS = {CHAT: "max_tokens", TEXT: "max_tokens", MESSAGES: "max_tokens",
            RESPONSES: "max_output_tokens"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Prompt:
    name: str
    path: str
    body: dict[str, Any]
    """Without the model."""

    def call(self, model: str) -> dict[str, Any]:
        """The body of a call that makes one token."""
        return {"model": model, CEILINGS[self.path]: 1, **self.body}


def input_tokens(answer: dict[str, Any]) -> int:
    """What the engine says of a call, in any dialect."""
    usage = answer["usage"]
    if "prompt_tokens" in usage:
        return int(usage["prompt_tokens"])
    cached = ("cache_read_input_tokens", "cache_creation_input_tokens")
    return int(usage["input_tokens"]) + sum(usage.get(name) or 0 for name in cached)


def prompts() -> list[Prompt]:
    return [*_chats(), *_completions(), *_other_dialects()]


def _chats() -> list[Prompt]:
    user = {"role": "user", "content": "Tell me of the sea."}
    system = {"role": "system", "content": "You are terse."}
    answer = {"role": "assistant", "content": "It is wide. "}
    called = {"role": "assistant", "content": None, "tool_calls": [_CALL]}
    empty = {"role": "assistant", "content": "Well.", "tool_calls": []}
    broken = {
        "role": "assistant",
        "tool_calls": [{**_CALL, "function": {"name": "now", "arguments": "{bro"}}],
    }
    result = {"role": "tool", "tool_call_id": "call_1", "content": "blue"}
    listed = {**result, "content": [{"type": "text", "text": "blue"}]}
    parts = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    bodies: dict[str, dict[str, Any]] = {
        "one message": {"messages": [user]},
        "a system prompt": {"messages": [system, user]},
        "turns": {"messages": [system, user, answer, user]},
        "parts": {"messages": [{"role": "user", "content": parts}]},
        "a name": {"messages": [{**user, "name": "ann"}]},
        "an odd role": {"messages": [{**user, "role": "critic"}]},
        "tools": {"messages": [system, user], "tools": TOOLS},
        "a tool call": {"messages": [user, called, result, user], "tools": TOOLS},
        "a listed result": {"messages": [user, called, listed], "tools": TOOLS},
        "odd tool calls": {"messages": [user, broken, user, empty, user]},
        "an effort": {"messages": [user], "reasoning_effort": "high"},
        "no generation": {"messages": [user], "add_generation_prompt": False},
        "special tokens": {"messages": [user], "add_special_tokens": True},
        "to continue": {
            "messages": [user, answer],
            "add_generation_prompt": False,
            "continue_final_message": True,
        },
        "to continue parts": {
            "messages": [user, {**answer, "content": parts}],
            "add_generation_prompt": False,
            "continue_final_message": True,
        },
    }
    for name, text in TEXTS.items():
        bodies[f"of {name}"] = {"messages": [{"role": "user", "content": text}]}
    bodies["random"] = {"messages": [{"role": "user", "content": random_text(300)}]}
    return [
        Prompt(name=f"chat: {name}", path=CHAT, body=body)
        for name, body in bodies.items()
    ]


def _completions() -> list[Prompt]:
    bodies: dict[str, Any] = {name: text for name, text in TEXTS.items() if text}
    bodies |= {
        "a list": ["one", "two three", "the <|end|> four"],
        "token ids": [5, 6, 7, 8],
        "lists of token ids": [[5, 6], [7, 8, 9]],
        "random": random_text(300),
    }
    found = [
        Prompt(name=f"text: {name}", path=TEXT, body={"prompt": prompt})
        for name, prompt in bodies.items()
    ]
    bare = {"prompt": TEXTS["english"], "add_special_tokens": False}
    cut = {"prompt": TEXTS["english"], "truncate_prompt_tokens": 7}
    return [
        *found,
        Prompt(name="text: bare", path=TEXT, body=bare),
        Prompt(name="text: cut", path=TEXT, body=cut),
    ]


def _other_dialects() -> list[Prompt]:
    user = {"role": "user", "content": "Tell me of the <|end|> sea."}
    answer = {"role": "assistant", "content": "It is wide. "}
    blocks = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    tool = {"name": "now", "description": "Tells.", "input_schema": {"type": "object"}}
    items = [{**part, "type": "input_text"} for part in blocks]
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "messages": (MESSAGES, {"messages": [user]}),
        "messages: turns": (
            MESSAGES,
            {"system": "Be terse.", "messages": [user, answer, user]},
        ),
        "messages: blocks": (
            MESSAGES,
            {"system": blocks, "messages": [{**user, "content": blocks}]},
        ),
        "messages: tools": (MESSAGES, {"messages": [user], "tools": [tool]}),
        "responses": (RESPONSES, {"input": "Tell me of the <|end|> sea."}),
        "responses: turns": (
            RESPONSES,
            {"instructions": "Be terse.", "input": [user, answer, user]},
        ),
        "responses: items": (
            RESPONSES,
            {"input": [{"type": "message", "role": "user", "content": items}]},
        ),
    }
    return [
        Prompt(name=name, path=path, body=body) for name, (path, body) in found.items()
    ]


def random_text(characters: int, *, seed: int = 1) -> str:
    """Of many scripts, never a character that no model knows."""
    choose = random.Random(seed)  # noqa: S311 - the same text each time
    spans = ((32, 127), (32, 127), (97, 123), (0xA0, 0x250), (0x391, 0x450),
             (0x4E00, 0x4F00), (0x1F600, 0x1F640), (9, 11))  # fmt: skip
    return "".join(
        chr(choose.randrange(*choose.choice(spans))) for _ in range(characters)
    )
