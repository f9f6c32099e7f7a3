"""`/api/v1/openapi.json`: the document of this API."""

from functools import cache
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

_MAX_AGE_SECONDS = 300


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The same for everybody; it says nothing about anybody."""
    del request
    answer = HttpResponse(_encoded(), content_type="application/json")
    answer["Cache-Control"] = f"public, max-age={_MAX_AGE_SECONDS}"
    return answer


@cache
def read_document() -> dict[str, Any]:
    """Not to be changed by whoever reads it."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    document: dict[str, Any] = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    return document


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(read_document())
