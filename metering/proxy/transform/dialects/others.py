"""Endpoints without a generated text: tokenize, embeddings, images."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from inference.wire import Task
from metering.proxy import usage
from metering.proxy.errors import Dialect
from metering.proxy.settings import IMAGES_MAX
from metering.proxy.transform.endpoint import Asked, Endpoint, Fields, OutputKind

_TOKENIZE = {
    "model", "prompt", "messages", "tools", "add_special_tokens",
    "add_generation_prompt", "continue_final_message", "return_token_strs",
}  # fmt: skip
_EMBEDDINGS = {
    "model", "input", "encoding_format", "dimensions", "user", "truncate_prompt_tokens",
}  # fmt: skip
_IMAGES = {
    "model", "prompt", "n", "size", "quality", "style", "background", "output_format",
    "output_compression", "response_format", "user",
}  # fmt: skip


class _Embeddings(Fields, kw_only=True):
    encoding_format: Literal["float", "base64"] | None = None
    """The engine knows others, whose answers are no JSON and have no usage."""


class _Images(Fields, kw_only=True):
    n: Annotated[int, Meta(ge=1, le=IMAGES_MAX)] | None = None


_decode = msgspec.json.Decoder(Fields).decode
_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode
_decode_images = msgspec.json.Decoder(_Images).decode


def _read(body: bytes) -> Asked:
    fields = _decode(body)
    return Asked(model=fields.model, wants_cost=fields.wants_cost)


def _read_embeddings(body: bytes) -> Asked:
    fields = _decode_embeddings(body)
    return Asked(model=fields.model, wants_cost=fields.wants_cost)


def _read_images(body: bytes) -> Asked:
    fields = _decode_images(body)
    return Asked(model=fields.model, wants_cost=fields.wants_cost, images=fields.n or 1)


TOKENIZE = Endpoint(
    name="tokenize",
    path=b"/v1/tokenize",
    engine_path=b"/tokenize",
    task=Task.GENERATE,
    dialect=Dialect.OPENAI,
    output=OutputKind.COUNT,
    fields=frozenset(_TOKENIZE),
    prompt_fields=("messages", "prompt"),
    ceiling_field=None,
    read=_read,
    usage=usage.of_count,
    stream=None,
)
EMBEDDINGS = Endpoint(
    name="embeddings",
    path=b"/v1/embeddings",
    engine_path=b"/v1/embeddings",
    task=Task.EMBED,
    dialect=Dialect.OPENAI,
    output=OutputKind.NOTHING,
    fields=frozenset(_EMBEDDINGS),
    prompt_fields=("input",),
    ceiling_field=None,
    read=_read_embeddings,
    usage=usage.of_completion,
    stream=None,
)
IMAGES = Endpoint(
    name="images.generations",
    path=b"/v1/images/generations",
    engine_path=b"/v1/images/generations",
    task=Task.IMAGE,
    dialect=Dialect.OPENAI,
    output=OutputKind.IMAGES,
    fields=frozenset(_IMAGES),
    prompt_fields=("prompt",),
    ceiling_field=None,
    read=_read_images,
    usage=usage.of_images,
    stream=None,
)
