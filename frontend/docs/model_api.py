"""The API of models, as its OpenAPI document tells it: endpoints, fields, samples."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from frontend.docs.api_document import ApiOperation, ApiTopic, read_topics
from frontend.docs.reader import Reader

_FILE = Path(__file__).with_name("model_api.yaml")
_PLAYGROUND = {"create_chat_completion", "create_completion", "create_message"}
"""What the playground can be tried in place of."""


@cache
def read_document() -> dict[str, Any]:
    """With the names that `Reader.fill` replaces. Not to be changed by who reads it."""
    document: dict[str, Any] = yaml.safe_load(_FILE.read_text())
    return document


@cache
def read_endpoints() -> tuple[ApiTopic, ...]:
    """In the order in which the document tells of them."""
    document = read_document()
    order: dict[str, int] = {}
    for methods in document["paths"].values():
        for operation in methods.values():
            order.setdefault(operation["tags"][0].lower(), len(order))
    topics = read_topics(document, base_url="@ORIGIN@")
    return tuple(sorted(topics, key=lambda topic: order[topic.title.lower()]))


def find_endpoint(slug: str) -> ApiTopic | None:
    return next((one for one in read_endpoints() if one.slug == slug), None)


def filled(operation: ApiOperation, reader: Reader) -> ApiOperation:
    """Its samples with the reader's own address and key."""
    samples = tuple(
        replace(one, source=reader.fill(one.source)) for one in operation.samples
    )
    return replace(operation, samples=samples)


def has_playground(topic: ApiTopic) -> bool:
    return any(one.name in _PLAYGROUND for one in topic.operations)


def public_document(reader: Reader) -> dict[str, Any]:
    """The document for programs: with this installation's address, without a key."""
    filled_in: dict[str, Any] = _walk(read_document(), reader)
    del filled_in["x-statuses"]
    return filled_in


def _walk(value: Any, reader: Reader) -> Any:
    match value:
        case dict():
            return {name: _walk(one, reader) for name, one in value.items()}
        case list():
            return [_walk(one, reader) for one in value]
        case str():
            return reader.fill(value)
        case _:
            return value
