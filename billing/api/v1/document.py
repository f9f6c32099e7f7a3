"""How operations describe themselves for the OpenAPI document: by the very structs
that decode and encode them.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from drf_spectacular.utils import OpenApiParameter, extend_schema

from billing.api.v1.callers import TENANT_HEADER
from billing.api.v1.field_texts import add_field_texts, field_texts
from billing.api.v1.refusals import ErrorAnswer
from billing.api.v1.view import IDEMPOTENCY_HEADER, IDEMPOTENCY_KEY_CHARACTERS_MAX

_REF = "#/components/schemas/{name}"
_F = TypeVar("_F", bound=Callable[..., Any])
_documented: list[Any] = [ErrorAnswer]
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of the tenant, or a staff token.",
    },
    "portal": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "Of whoever is signed in to the portal; whatever changes"
        " anything carries its header X-CSRFToken.",
    },
}
_AUTH: Any = [{scheme: []} for scheme in _SECURITY]
_ERRORS = {
    400: "The request is wrong; `param` says where.",
    401: "No key, or one that cannot be used.",
    403: "Only others may do this.",
    404: "There is no such thing among what the caller may see.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    503: "Somebody else is at work on the same; ask again.",
}
_ERRORS_OF_CHANGES = {
    402: "An invoice is overdue, so keys only read.",
}
_ERRORS_OF_BODIES = {
    409: "It contradicts what is already there.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
}


def documented(
    *,
    name: str,
    summary: str,
    tag: str,
    answer: Any,
    status: int = 200,
    query: type[msgspec.Struct] | None = None,
    body: type[msgspec.Struct] | None = None,
    parameters: Iterable[OpenApiParameter] = (),
    files: Iterable[str] = (),
) -> Callable[[_F], _F]:
    """`name`: of the operation, for generated clients. `answer` None: nothing is
    answered, or a file of one of the media types `files`.
    """
    _documented.extend(one for one in (answer, body) if one is not None)
    kinds = list(files) or ["application/json"]
    content = _schema(answer) if answer is not None or files else None
    return extend_schema(
        operation_id=name,
        summary=summary,
        description=summary,
        auth=_AUTH,
        tags=[tag],
        parameters=[*parameters, *_query_parameters(query), *_headers()],
        request=None if body is None else {"application/json": _schema(body)},
        responses={(status, kind): content for kind in kinds},
    )


def complete_document(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: adds the structs, and what every operation shares."""
    components = result.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    schemas = components.setdefault("schemas", {})
    _, structs = msgspec.json.schema_components(_documented, ref_template=_REF)
    add_field_texts(structs, _documented)
    schemas.update(structs)
    for path in result["paths"].values():
        for method, operation in path.items():
            _complete(operation, method)
    return result


def _complete(operation: dict[str, Any], method: str) -> None:
    takes_bodies = method in {"post", "put", "patch"}
    errors = _ERRORS | (_ERRORS_OF_BODIES if takes_bodies else {})
    errors |= {} if method == "get" else _ERRORS_OF_CHANGES
    answer = {"application/json": {"schema": _schema(ErrorAnswer)}}
    for status, text in errors.items():
        operation["responses"].setdefault(
            str(status), {"description": text, "content": answer}
        )
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    if method == "post":
        operation.setdefault("parameters", []).append(
            {
                "name": IDEMPOTENCY_HEADER,
                "in": "header",
                "required": True,
                "description": "Names this act: sent again, it is answered as the first"
                " time and done once. Kept for 24 hours.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": IDEMPOTENCY_KEY_CHARACTERS_MAX,
                    "pattern": "^[!-~]+$",
                },
            }
        )


def _schema(form: Any) -> dict[str, Any]:
    if form is None:
        return {"type": "string", "format": "binary"}
    (schema,), _ = msgspec.json.schema_components([form], ref_template=_REF)
    return schema


def _headers() -> list[OpenApiParameter]:
    return [
        OpenApiParameter(
            TENANT_HEADER,
            {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$", "maxLength": 50},
            OpenApiParameter.HEADER,
            description="Slug of the tenant. Staff must name one; for others it is"
            " their own.",
        )
    ]


def _query_parameters(form: type[msgspec.Struct] | None) -> list[OpenApiParameter]:
    if form is None:
        return []
    (_, components) = msgspec.json.schema_components([form], ref_template=_REF)
    properties = components[form.__name__]["properties"]
    required = set(components[form.__name__].get("required", ()))
    texts = field_texts(form)
    return [
        OpenApiParameter(
            name,
            _plain(schema, components),
            OpenApiParameter.QUERY,
            required=name in required,
            description=texts.get(name) or _text(schema),
        )
        for name, schema in properties.items()
    ]


def _text(schema: dict[str, Any]) -> str:
    """Its own, or that of its only choice beside null."""
    within = [schema, *schema.get("anyOf", ())]
    return next((one["description"] for one in within if "description" in one), "")


def _plain(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Without references, since no body names these, and without null: a parameter is
    left out instead.
    """
    kept = {k: v for k, v in schema.items() if k not in {"default", "description"}}
    if "$ref" in kept:
        return dict(components[kept["$ref"].rpartition("/")[2]])
    choices = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        return _plain(choices[0], components)
    return kept | ({"anyOf": choices} if choices else {})
