"""The OpenAPI document as people read it: by topics, each operation with its fields."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.text import slugify

Schema = dict[str, Any]
_DEPTH_MAX = 4
_VALUES = "additionalProperties"
"""Of an object by name: what each of its values is."""
_REFERENCE = "#/components/schemas/"
_PLACEHOLDERS = {"date-time": "2026-12-01T00:00:00Z", "date": "2026-12-01"}
_FORMATS = {"date-time": "time", "date": "date", "uuid": "UUID", "binary": "file"}


@dataclass(frozen=True, kw_only=True)
class ApiField:
    name: str
    """With a dot for what lies within another, and `[]` for each of a list."""
    kind: str
    place: str
    """`path` or `query`, since headers are told once for all; of a body empty."""
    is_required: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class ApiSample:
    """The same call in one language."""

    language: str
    source: str


@dataclass(frozen=True, kw_only=True)
class ApiOperation:
    name: str
    method: str
    path: str
    summary: str
    parameters: list[ApiField]
    body: list[ApiField]
    answer: list[ApiField]
    """Of the answer to what succeeded."""
    statuses: list[tuple[str, str]]
    curl: str
    samples: tuple[ApiSample, ...] = ()
    """Where the document has some of its own."""
    also: tuple[str, ...] = ()
    """Fields of the body that are passed on and told nowhere else."""


@dataclass(frozen=True, kw_only=True)
class ApiTopic:
    slug: str
    title: str
    operations: list[ApiOperation]


def read_topics(document: Schema, *, base_url: str) -> list[ApiTopic]:
    """In the order of their titles; `base_url` without a slash at its end."""
    reader = _Reader(document, base_url)
    found: dict[str, list[ApiOperation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            title = operation["tags"][0]
            found.setdefault(title, []).append(reader.read(method, path, operation))
    return [
        ApiTopic(
            slug=slugify(title),
            title=title[:1].upper() + title[1:],
            operations=sorted(operations, key=lambda one: one.path),
        )
        for title, operations in sorted(found.items())
    ]


class _Reader:
    def __init__(self, document: Schema, base_url: str) -> None:
        self._schemas: Schema = document["components"]["schemas"]
        self._base_url = base_url

    def read(self, method: str, path: str, operation: Schema) -> ApiOperation:
        body = operation.get("requestBody", {}).get("content", {})
        schema = body.get("application/json", {}).get("schema")
        responses = operation["responses"]
        return ApiOperation(
            name=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            parameters=[
                self._parameter(one)
                for one in operation["parameters"]
                if one["in"] != "header"
            ],
            body=[] if schema is None else list(self._fields(schema)),
            answer=list(self._answer(responses)),
            statuses=[
                (status, one["description"] or "Done.")
                for status, one in sorted(responses.items())
            ],
            curl=self._curl(method, path, operation, schema),
            samples=tuple(
                ApiSample(language=one["lang"], source=one["source"].rstrip())
                for one in operation.get("x-codeSamples", ())
            ),
            also=tuple(operation.get("x-also", ())),
        )

    def _parameter(self, parameter: Schema) -> ApiField:
        return ApiField(
            name=parameter["name"],
            kind=self._kind(parameter["schema"]),
            place=parameter["in"],
            is_required=parameter.get("required", False),
            text=parameter.get("description", ""),
        )

    def _answer(self, responses: Schema) -> Iterator[ApiField]:
        done = next(one for status, one in responses.items() if status < "300")
        content = done.get("content", {}).get("application/json")
        if content and "schema" in content:
            yield from self._fields(content["schema"])

    def _fields(
        self, schema: Schema, before: str = "", depth: int = 1
    ) -> Iterator[ApiField]:
        found = self._resolved(schema)
        required = set(found.get("required", ()))
        for name, one in found.get("properties", {}).items():
            yield ApiField(
                name=f"{before}{name}",
                kind=self._kind(one),
                place="",
                is_required=name in required,
                text=self._text(one),
            )
            inner, mark = self._inner(one)
            if inner is not None and depth < _DEPTH_MAX:
                yield from self._fields(inner, f"{before}{name}{mark}.", depth + 1)

    def _inner(self, schema: Schema) -> tuple[Schema | None, str]:
        """What lies within, if it has fields, and how its place is written."""
        found, mark = self._resolved(schema), ""
        while True:
            if "items" in found:
                found, mark = self._resolved(found["items"]), f"{mark}[]"
            elif isinstance(found.get(_VALUES), dict):
                found = self._resolved(found[_VALUES])
                mark = f"{mark}.*"
            else:
                break
        return (found if "properties" in found else None), mark

    def _resolved(self, schema: Schema) -> Schema:
        """Behind references, and without null beside something."""
        while True:
            choices = _choices(schema)
            if "$ref" in schema:
                schema = self._schemas[schema["$ref"].removeprefix(_REFERENCE)]
            elif len(choices) == 1:
                schema = choices[0]
            else:
                return schema

    def _text(self, schema: Schema) -> str:
        choices = _choices(schema)
        if "description" in schema or len(choices) != 1:
            return str(schema.get("description", ""))
        return str(choices[0].get("description", ""))

    def _kind(self, schema: Schema) -> str:
        is_nullable = {"type": "null"} in schema.get("anyOf", ())
        kinds = " or ".join(self._plain_kind(one) for one in _choices(schema))
        found = kinds or self._plain_kind(self._resolved(schema))
        return f"{found} or null" if is_nullable else found

    def _plain_kind(self, schema: Schema) -> str:
        found = self._resolved(schema)
        if "enum" in found:
            return ", ".join(str(one) for one in found["enum"])
        match found.get("type"):
            case "array":
                return f"list of {self._kind(found.get('items', {}))}"
            case "object" if isinstance(values := found.get(_VALUES), dict):
                return f"by name: {self._kind(values)}"
            case "integer":
                return f"integer{_bounds(found)}"
            case "string":
                return _FORMATS.get(found.get("format", ""), "text") + _length(found)
            case kind:
                return str(kind or "any")

    def _curl(
        self, method: str, path: str, operation: Schema, body: Schema | None
    ) -> str:
        place = re.sub(r"\{(\w+)\}", lambda one: f"${one[1].upper()}", path)
        required = [one for one in operation["parameters"] if one.get("required")]
        query = "&".join(
            f"{one['name']}={self._example(one['name'], one['schema'])}"
            for one in required
            if one["in"] == "query"
        )
        address = f"{self._base_url}{place}{'?' if query else ''}{query}"
        request = "" if method == "get" else f"-X {method.upper()} "
        lines = [f'curl {request}"{address}"', *_headers(operation)]
        if method == "post":
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
        if body is not None:
            lines.append('-H "Content-Type: application/json"')
            lines.append(f"-d '{json.dumps(self._example_of(body))}'")
        return " \\\n  ".join(lines)

    def _example_of(self, schema: Schema) -> Schema:
        """With what must be given."""
        found = self._resolved(schema)
        return {
            name: self._example(name, found["properties"][name])
            for name in found.get("required", ())
        }

    def _example(self, name: str, schema: Schema) -> Any:
        found = self._resolved(schema)
        if "enum" in found:
            return found["enum"][0]
        match found.get("type"):
            case "integer":
                return max(1, found.get("minimum", 1))
            case "boolean":
                return True
            case "array":
                return [self._example(name, found["items"])]
            case "object":
                return self._example_of(found)
            case _:
                return _PLACEHOLDERS.get(found.get("format", ""), f"<{name}>")


def _choices(schema: Schema) -> list[Schema]:
    several = schema.get("anyOf") or schema.get("allOf") or ()
    return [one for one in several if one != {"type": "null"}]


def _headers(operation: Schema) -> list[str]:
    """By summary: what no key may do is done with a staff token, for a tenant."""
    if "staff)" not in operation["summary"]:
        return ['-H "Authorization: Bearer $TOKENFAB_API_KEY"']
    return [
        '-H "Authorization: Bearer $TOKENFAB_STAFF_TOKEN"',
        '-H "Tokenfab-Tenant: $TENANT"',
    ]


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    match least, most:
        case None, None:
            return ""
        case _, None:
            return f", {least:,} or more"
        case None, _:
            return f", {most:,} at most"
    return f", {least:,} to {most:,}"


def _length(schema: Schema) -> str:
    most = schema.get("maxLength")
    return f", {most} characters at most" if most else ""
