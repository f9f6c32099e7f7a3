"""Bytes and documents of the answers that the proxy writes itself."""

from http import HTTPStatus

import msgspec

from inference.wire import Route
from metering.proxy import errors
from metering.proxy.errors import Dialect, RefusedError

JSON = b"content-type: application/json\r\n"
TEXT = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n"
)
CROSS_ORIGIN = (
    b"access-control-allow-origin: %b\r\nvary: origin\r\n"
    b"access-control-expose-headers: x-request-id, retry-after\r\n"
)
"""What makes a browser show an answer to a script of the portal's origin."""
PREFLIGHT = (
    b"access-control-allow-methods: %b\r\n"
    b"access-control-allow-headers: authorization, content-type\r\n"
    b"access-control-max-age: 600\r\n"
)
_MESSAGES = b"/v1/messages"
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


def dialect_of(path: bytes) -> Dialect:
    """In which a path that is no endpoint is refused."""
    is_anthropic = path == _MESSAGES or path.startswith(_MESSAGES + b"/")
    return Dialect.ANTHROPIC if is_anthropic else Dialect.OPENAI


def standing_headers(request_id: str, *, keep_alive: bool) -> bytes:
    """What every answer has; ends the head."""
    connection = b"" if keep_alive else b"connection: close\r\n"
    name = request_id.encode()
    # Anthropic's clients know it by the shorter name.
    return b"x-request-id: req_%b\r\nrequest-id: req_%b\r\n%b\r\n" % (
        name,
        name,
        connection,
    )


def whole(status: int, headers: bytes, standing: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\n%bcontent-length: %d\r\n%b%b" % (
        status,
        _REASONS[status],
        headers,
        len(body),
        standing,
        body,
    )


def models_document(routes: list[Route], name: str) -> bytes:
    """The list of OpenAI's `GET /v1/models`, or the one model `name`.

    Raises RefusedError for a name that is not there.
    """
    models = [
        {
            "id": route.model,
            "object": "model",
            "created": route.created_at,
            "owned_by": "tokenfab",
        }
        for route in routes
    ]
    if not name:
        return msgspec.json.encode({"object": "list", "data": models})
    for model in models:
        if model["id"] == name:
            return msgspec.json.encode(model)
    raise RefusedError(
        errors.UNKNOWN_MODEL, f"The model {name[:100]!r} does not exist.", param="model"
    )
