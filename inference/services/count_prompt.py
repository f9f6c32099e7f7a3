"""How many tokens a prompt has: the engine's own word, before anything is held."""

import ssl
from typing import Any

import httpx
import msgspec
from django.conf import settings
from django.utils.translation import gettext

from inference.domain.engine_address import parse
from inference.errors import EngineSilentError, PromptNotReadableError
from inference.models import Engine

ANSWER_SECONDS_MAX = 10.0
_MESSAGE_CHARACTERS_MAX = 500


_NULL = msgspec.Raw(b"null")


class _Counted(msgspec.Struct):
    count: int


class _Content(msgspec.Struct):
    messages: msgspec.Raw
    tools: msgspec.Raw


def count_prompt(engine: Engine, *, content: str) -> int:
    """Of `content` as CachedPrompt keeps it, without the place where a reply begins.

    Raises PromptNotReadableError, with the engine's reason, and EngineSilentError.
    """
    where = parse(engine.address)
    try:
        with _client(where.socket_path) as client:
            answer = client.post(
                f"{where.base_url}/tokenize",
                content=as_call(engine.served_model.name, content),
                headers={
                    "authorization": f"Bearer {settings.ENGINE_KEY}",
                    "content-type": "application/json",
                },
            )
        if answer.is_client_error:
            raise PromptNotReadableError(_reason(answer), param="messages")
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=_Counted).count
    except (httpx.HTTPError, OSError, msgspec.MsgspecError) as error:
        raise EngineSilentError(
            gettext("Engine %(name)s: %(error)s.")
            % {"name": engine.name, "error": repr(error)}
        ) from error


def as_call(model: str, content: str, **fields: Any) -> bytes:
    """JSON of a call with that prompt; its fields keep their order."""
    given = msgspec.json.decode(content, type=_Content)
    body: dict[str, Any] = {"model": model, "messages": given.messages}
    if given.tools != _NULL:
        body["tools"] = given.tools
    # Calls that use the prompt go on after its last message, where a reply would begin
    # with other tokens.
    return msgspec.json.encode(body | {"add_generation_prompt": False} | fields)


def _client(socket_path: str | None) -> httpx.Client:
    # An empty TLS context, since engines speak plain HTTP: see check_engines.
    transport = httpx.HTTPTransport(
        uds=socket_path, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False
    )
    return httpx.Client(
        transport=transport, trust_env=False, timeout=ANSWER_SECONDS_MAX
    )


def _reason(answer: httpx.Response) -> str:
    """The engine's message, in whichever of its shapes."""
    try:
        document = answer.json()
        told = document.get("error", document)
        message = told["message"] if isinstance(told, dict) else told
    except (ValueError, AttributeError, KeyError):
        message = "the engine cannot read it"
    return f"The prompt is refused: {str(message)[:_MESSAGE_CHARACTERS_MAX]}"
