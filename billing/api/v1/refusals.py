"""What callers of the management API are refused: one shape, one table of statuses.

`{"error": {"message", "type", "param", "code"}}`, as the inference API answers.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from psycopg.errors import LockNotAvailable
from rest_framework import exceptions
from rest_framework.response import Response

from billing.errors import BillingError
from tenants.errors import TenantsError

_INVALID = "invalid_request_error"
_TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "server_error",
}
STATUSES = {
    "idempotency_key_reused": HTTPStatus.CONFLICT,
    "invoice_not_found": HTTPStatus.NOT_FOUND,
    "nothing_to_issue": HTTPStatus.CONFLICT,
    "period_not_over": HTTPStatus.CONFLICT,
    "request_in_progress": HTTPStatus.CONFLICT,
    "too_many_webhook_endpoints": HTTPStatus.CONFLICT,
    "unknown_tenant": HTTPStatus.NOT_FOUND,
    "unreconciled": HTTPStatus.CONFLICT,
    "webhook_endpoint_disabled": HTTPStatus.CONFLICT,
}
"""Code of a service's error -> status; 400 for all others."""
_BUSY_SECONDS = 2


class Error(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    """What is wrong and how to mend it."""
    type: str
    param: str | None
    """The field or parameter that is wrong; null: none, or several."""
    code: str
    """Stable; the message is not."""


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    error: Error


class RefusedError(Exception):
    """Raised by the API's own code; `retry_seconds`: when to ask again."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        param: str | None = None,
        retry_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.status = code, status
        self.param, self.retry_seconds = param, retry_seconds


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """None: nothing that a caller could have caused; Django answers 500."""
    refused = _read(error)
    if refused is None:
        return None
    answer = ErrorAnswer(
        error=Error(
            message=str(refused),
            type=_TYPES.get(refused.status, _INVALID),
            param=refused.param,
            code=refused.code,
        )
    )
    headers = {}
    if refused.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="Tokenfab"'
    if refused.retry_seconds is not None:
        headers["Retry-After"] = str(refused.retry_seconds)
    if isinstance(error, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    return Response(answer, status=refused.status, headers=headers)


def _read(error: Exception) -> RefusedError | None:
    match error:
        case RefusedError():
            return error
        case BillingError() | TenantsError():
            return _of_service(error)
        case exceptions.APIException():
            return _of_framework(error)
        case _:
            return _of_django(error)


def _of_django(error: Exception) -> RefusedError | None:
    match error:
        case Http404():
            return RefusedError(
                "There is no such thing here.",
                code="not_found",
                status=HTTPStatus.NOT_FOUND,
            )
        case PermissionDenied():
            return RefusedError(
                str(error) or "You may not do this.",
                code="permission_denied",
                status=HTTPStatus.FORBIDDEN,
            )
        case OperationalError(__cause__=LockNotAvailable()):
            return RefusedError(
                "Somebody else is at work on this. Ask again in a moment.",
                code="busy",
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                retry_seconds=_BUSY_SECONDS,
            )
        case _:
            return None


def _of_service(error: BillingError | TenantsError) -> RefusedError:
    is_waiting = error.code == "request_in_progress"
    return RefusedError(
        str(error) or error.code,
        code=error.code,
        status=STATUSES.get(error.code, HTTPStatus.BAD_REQUEST),
        param=getattr(error, "field", None),
        retry_seconds=_BUSY_SECONDS if is_waiting else None,
    )


def _of_framework(error: exceptions.APIException) -> RefusedError:
    codes = {
        exceptions.AuthenticationFailed: "invalid_api_key",
        exceptions.NotAuthenticated: "authentication_required",
    }
    return RefusedError(
        str(error.detail),
        code=codes.get(type(error), str(error.default_code)),
        status=HTTPStatus(error.status_code),
    )
