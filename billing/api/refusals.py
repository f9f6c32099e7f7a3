"""What callers of the control plane's API are refused, in OpenAI's shape.

Codes are those of the proxies where they mean the same (docs/errors.md).
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

from inference.errors import CachedPromptError, ProxyRefusedError

_INVALID = "invalid_request_error"
_SERVER = "server_error"


@dataclass(frozen=True)
class Refusal:
    code: str
    status: HTTPStatus
    type: str


REFUSALS = (
    Refusal("invalid_api_key", HTTPStatus.UNAUTHORIZED, "authentication_error"),
    Refusal("invalid_json", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("invalid_value", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("missing_required_parameter", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("unknown_parameter", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("invalid_request", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("context_length_exceeded", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("body_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _INVALID),
    Refusal("method_not_allowed", HTTPStatus.METHOD_NOT_ALLOWED, _INVALID),
    Refusal("model_not_found", HTTPStatus.NOT_FOUND, _INVALID),
    Refusal("model_not_allowed", HTTPStatus.FORBIDDEN, "permission_error"),
    Refusal("scope_missing", HTTPStatus.FORBIDDEN, "permission_error"),
    Refusal("endpoint_not_offered", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("kv_leases_not_offered", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("cached_prompts_not_offered", HTTPStatus.BAD_REQUEST, _INVALID),
    Refusal("kv_capacity_exhausted", HTTPStatus.CONFLICT, _INVALID),
    Refusal("cached_prompt_not_found", HTTPStatus.NOT_FOUND, _INVALID),
    Refusal("cached_prompt_exists", HTTPStatus.CONFLICT, _INVALID),
    Refusal(
        "too_many_cached_prompts", HTTPStatus.TOO_MANY_REQUESTS, "rate_limit_error"
    ),
    Refusal("cached_prompts_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER),
)
_BY_CODE = {one.code: one for one in REFUSALS}
_RETRY_SECONDS = 5


def refused(
    code: str, message: str, *, param: str | None = None, **further: Any
) -> JsonResponse:
    """`further` members stand beside the code."""
    refusal = _BY_CODE[code]
    error = {"message": message, "type": refusal.type, "param": param, "code": code}
    answer = JsonResponse({"error": error | further}, status=refusal.status)
    retry_after = further.get("retry_after")
    if refusal.status is HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after = _RETRY_SECONDS
    if retry_after is not None:
        answer["Retry-After"] = str(retry_after)
    return answer


def refused_by_error(error: CachedPromptError) -> JsonResponse:
    """What the proxy said is passed on as it is."""
    if not isinstance(error, ProxyRefusedError):
        return refused(error.code, str(error), param=error.param)
    answer = JsonResponse({"error": error.error}, status=error.status)
    if error.retry_after is not None:
        answer["Retry-After"] = error.retry_after
    return answer
