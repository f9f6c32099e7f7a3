"""The prompt in a body of any dialect: how to count it, and how long it is at most.

`read_prompt` and what follows it raise NotCountableError for a prompt of a kind that
only the engine, or nobody, can count ahead of the call.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from inference.encoding import Counter
from inference.errors import NotCountableError
from inference.token_bound import ROLES, TokenBound
from metering.proxy.transform.request import ParsedRequest

_DECODED_BYTES_MAX = 1024 * 1024
"""A list of token ids takes twenty times its bytes when it is decoded."""
_COUNTED = (
    "messages", "prompt", "input", "instructions", "system", "tools", "tool_choice",
    "thinking", "output_config", "reasoning", "reasoning_effort", "truncation",
    "add_generation_prompt", "continue_final_message", "add_special_tokens",
    "truncate_prompt_tokens",
)  # fmt: skip
"""Fields of any dialect that change the number of input tokens."""
_COUNT_MESSAGES = b"/v1/messages/count_tokens"
_TOKENIZE = b"/tokenize"
"""Never of a tenant's body: a tenant's own goes through the table of endpoints."""


class ChatPrompt(msgspec.Struct, frozen=True, kw_only=True):
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    add_special_tokens: bool = False
    variables: dict[str, Any] = {}


class TextPrompts(msgspec.Struct, frozen=True, kw_only=True):
    """Each is a prompt of its own; together they are one call."""

    texts: list[str | list[int]]
    """Text, or the ids of tokens."""
    add_special_tokens: bool = True
    tokens_max: int | None = None
    """Of each; the engine cuts off what is more."""


Prompt = ChatPrompt | TextPrompts


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the engine whose answer says how many tokens there are."""

    path: bytes
    body: bytes
    answer_member: str


def read_prompt(request: ParsedRequest) -> Prompt:
    reader = _READERS.get(request.endpoint.name)
    if reader is None:
        raise NotCountableError("The endpoint has no prompt of tokens.")
    raw = {name: request.raw[name] for name in _COUNTED if name in request.raw}
    if sum(map(len, raw.values())) > _DECODED_BYTES_MAX:
        raise NotCountableError("The prompt is too long.")
    try:
        given = {name: msgspec.json.decode(value) for name, value in raw.items()}
        present = {name: value for name, value in given.items() if value is not None}
        return reader(present)
    except (
        msgspec.MsgspecError, KeyError, TypeError, AttributeError, RecursionError,
    ):  # fmt: skip
        raise NotCountableError("The prompt is not well formed.") from None


def count(counter: Counter, prompt: Prompt) -> int:
    if isinstance(prompt, ChatPrompt):
        return len(encode(counter, prompt))
    framed = prompt.add_special_tokens
    counts = [
        counter.count_text(text, add_special_tokens=framed)
        for text in prompt.texts
        if isinstance(text, str)
    ]
    return _sum(prompt, counts)


def encode(counter: Counter, prompt: Prompt) -> list[int]:
    """The tokens of a chat, or of the first of several texts."""
    if isinstance(prompt, ChatPrompt):
        return counter.encode_chat(
            prompt.messages,
            tools=prompt.tools,
            add_generation_prompt=prompt.add_generation_prompt,
            continue_final_message=prompt.continue_final_message,
            add_special_tokens=prompt.add_special_tokens,
            variables=prompt.variables,
        )
    text = prompt.texts[0]
    if not isinstance(text, str):
        return text
    return counter.encode_text(text, add_special_tokens=prompt.add_special_tokens)


def sum_of_counts(request: ParsedRequest, counts: Sequence[int]) -> int:
    """The call's input tokens, from the answers to its `questions`."""
    if request.endpoint.name in _MESSAGES:
        return sum(counts)
    return _sum(read_prompt(request), counts)


def _sum(prompt: Prompt, counts: Sequence[int]) -> int:
    if isinstance(prompt, ChatPrompt):
        return sum(counts)
    ids = [len(one) for one in prompt.texts if not isinstance(one, str)]
    most = prompt.tokens_max
    return sum(one if most is None else min(one, most) for one in (*counts, *ids))


def questions(request: ParsedRequest, *, model: str) -> list[Question]:
    """One, or as many as there are texts. Media are not asked for: the engine would
    fetch and decode them twice.
    """
    if request.endpoint.name in _MESSAGES:
        return [_count_messages(request, model)]
    prompt = read_prompt(request)
    if isinstance(prompt, TextPrompts):
        flag = prompt.add_special_tokens
        return [
            _tokenize(model, {"prompt": text, "add_special_tokens": flag})
            for text in prompt.texts
            if isinstance(text, str)
        ]
    if any(_text_of(message) is None for message in prompt.messages):
        raise NotCountableError("Only text is counted.")
    body = msgspec.structs.asdict(prompt)
    variables = body.pop("variables")
    return [_tokenize(model, {**body, "chat_template_kwargs": variables or None})]


def _count_messages(request: ParsedRequest, model: str) -> Question:
    raw = {name: request.raw[name] for name in _COUNTED if name in request.raw}
    if sum(map(len, raw.values())) > _DECODED_BYTES_MAX or b'"source"' in bytes(
        raw.get("messages", b"")
    ):
        raise NotCountableError("Only text is counted.")
    body = msgspec.json.encode({"model": model, **raw})
    return Question(path=_COUNT_MESSAGES, body=body, answer_member="input_tokens")


def _tokenize(model: str, fields: Mapping[str, Any]) -> Question:
    given = {name: value for name, value in fields.items() if value is not None}
    body = msgspec.json.encode({"model": model, **given})
    return Question(path=_TOKENIZE, body=body, answer_member="count")


def digest(request: ParsedRequest, *, model: str, cache_salt: str) -> bytes:
    """Equal for prompts that are one to the engine. With the tenant's salt, so that the
    time of an answer tells nobody what another tenant has asked.
    """
    found = hashlib.blake2b(digest_size=16)
    parts = [cache_salt.encode(), model.encode(), request.endpoint.name.encode()]
    for name in _COUNTED:
        if name in request.raw:
            parts += [name.encode(), bytes(request.raw[name])]
    for part in parts:
        found.update(b"%d:" % len(part))
        found.update(part)
    return found.digest()


def most_tokens(
    request: ParsedRequest, bound: TokenBound | None, *, context_tokens: int
) -> int:
    """Never less than the engine will count, unless it refuses the call.

    A byte-level token is made of at least one byte of the text, so there are no more
    tokens than bytes; what the template adds is measured (see `inference.token_bound`);
    and a prompt longer than the context is refused. Where anything is in a prompt whose
    text is not plain to see (media, tools, tool calls), it is the context.
    """
    try:
        prompt = read_prompt(request)
    except NotCountableError:
        return context_tokens * prompts_at_most(request)
    if isinstance(prompt, ChatPrompt):
        most = None if bound is None else _most_of_chat(prompt, bound)
        return context_tokens if most is None else min(most, context_tokens)
    most_of_one = min(prompt.tokens_max or context_tokens, context_tokens)
    return sum(_most_of_text(one, bound, most=most_of_one) for one in prompt.texts)


def _most_of_text(text: str | list[int], bound: TokenBound | None, *, most: int) -> int:
    if not isinstance(text, str):
        return min(len(text), most)
    return most if bound is None else min(bound.per_text + bound.tokens_of(text), most)


def _most_of_chat(prompt: ChatPrompt, bound: TokenBound) -> int | None:
    """None: no bound but the context."""
    chat = bound.chat
    if chat is None or (prompt.tools and chat.reads_tools):
        return None
    most = chat.once + bound.per_text * prompt.add_special_tokens
    for message in prompt.messages:
        text = _text_of(message)
        if text is None or message.keys() != {"role", "content"}:
            return None
        if message["role"] not in ROLES:
            return None
        most += chat.per_message + bound.tokens_of(text)
    return most


def _text_of(message: Mapping[str, Any]) -> str | None:
    """All of a message's text, or more; None: it has something else in it."""
    content = message.get("content")
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str) or (part is not text and len(part) > 2):  # noqa: PLR2004 type and text
            return None
        texts.append(text)
    return "\n".join(texts)


def prompts_at_most(request: ParsedRequest) -> int:
    """A call with a list of texts, or of lists of token ids, is so many prompts: each
    has a context, an answer and `n` samples of its own. Not decoded, hence at most.
    """
    if request.endpoint.name not in _OF_TEXTS:
        return 1
    data = bytes(request.raw.get("prompt") or request.raw.get("input") or b"")
    if not data.lstrip().startswith(b"["):
        return 1
    return max(1, data.count(b"[") - 1, data.count(b'"') // 2)


def _read_chat(given: Mapping[str, Any]) -> ChatPrompt:
    effort = given.get("reasoning_effort")
    variables = {}
    if effort is not None:
        variables = {"reasoning_effort": effort, "enable_thinking": effort != "none"}
    return _chat(
        messages=given["messages"],
        tools=given.get("tools"),
        add_generation_prompt=given.get("add_generation_prompt", True),
        continue_final_message=given.get("continue_final_message", False),
        add_special_tokens=given.get("add_special_tokens", False),
        variables=variables,
    )


def _read_texts(given: Mapping[str, Any]) -> TextPrompts:
    texts = given["prompt"] if "prompt" in given else given["input"]
    if isinstance(texts, str) or (texts and isinstance(texts[0], int)):
        texts = [texts]
    tokens_max = given.get("truncate_prompt_tokens")
    return msgspec.convert(
        {
            "texts": texts,
            "add_special_tokens": given.get("add_special_tokens", True),
            "tokens_max": tokens_max if tokens_max != -1 else None,
        },
        TextPrompts,
    )


def _read_either(given: Mapping[str, Any]) -> Prompt:
    return _read_chat(given) if "messages" in given else _read_texts(given)


def _read_messages(given: Mapping[str, Any]) -> ChatPrompt:
    """Anthropic's. Blocks of text alone; the engine counts the rest."""
    if given.keys() - {"messages", "system", "tools"}:
        raise NotCountableError("Thinking and choices of tools are not counted here.")
    messages = [_message_of_blocks(one) for one in given["messages"]]
    if system := given.get("system"):
        text = system if isinstance(system, str) else "".join(_texts_in(system))
        messages.insert(0, {"role": "system", "content": text})
    tools = [_function(tool) for tool in given.get("tools", ())]
    return _chat(messages=messages, tools=tools or None)


def _message_of_blocks(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if message.keys() != {"role", "content"} or message["role"] == "system":
        raise NotCountableError("A message that is not counted here.")
    if not isinstance(content, str):
        content = [{"type": "text", "text": text} for text in _texts_in(content)]
    return {"role": message["role"], "content": content}


def _texts_in(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    for block in blocks:
        if block["type"] != "text" or block.keys() - {"type", "text", "cache_control"}:
            raise NotCountableError("Only text is counted here.")
    return [block["text"] for block in blocks]


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.keys() - {"name", "description", "input_schema"}:
        raise NotCountableError("A tool that is not counted here.")
    function = {
        "name": tool["name"],
        "description": tool.get("description"),
        "parameters": tool["input_schema"],
    }
    return {"type": "function", "function": function}


def _read_response(given: Mapping[str, Any]) -> ChatPrompt:
    """OpenAI's responses. The engine puts its start token before the whole chat."""
    if given.keys() - {"input", "instructions"}:
        raise NotCountableError("Tools and reasoning are not counted here.")
    asked = given["input"]
    items = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    messages = [_message_of_item(item) for item in items]
    if instructions := given.get("instructions"):
        messages.insert(0, {"role": "system", "content": instructions})
    return _chat(messages=messages, add_special_tokens=True)


def _message_of_item(item: Mapping[str, Any]) -> dict[str, Any]:
    content = item["content"]
    is_message = item.get("type", "message") == "message"
    if not is_message or item.keys() - {"type", "role", "content"}:
        raise NotCountableError("An item that is not counted here.")
    if not isinstance(content, str):
        if item["role"] != "user":
            raise NotCountableError("An item that is not counted here.")
        content = [{"type": "text", "text": _input_text(part)} for part in content]
    return {"role": item["role"], "content": content}


def _input_text(part: Mapping[str, Any]) -> str:
    if part.keys() != {"type", "text"} or part["type"] != "input_text":
        raise NotCountableError("Only text is counted here.")
    return cast("str", part["text"])


def _chat(**members: Any) -> ChatPrompt:
    return msgspec.convert(members, ChatPrompt)


_OF_TEXTS = {"completions", "embeddings", "tokenize"}
_MESSAGES = {"messages", "messages.count_tokens"}
_READERS: dict[str, Callable[[Mapping[str, Any]], Prompt]] = {
    "chat.completions": _read_chat,
    "completions": _read_texts,
    "embeddings": _read_texts,
    "tokenize": _read_either,
    "responses": _read_response,
    "messages": _read_messages,
    "messages.count_tokens": _read_messages,
}
