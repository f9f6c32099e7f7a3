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
    HTTPStatus.PAYMENT_REQUIRED: "billing_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "server_error",
}
STATUSES = {
    "already_subscribed": HTTPStatus.CONFLICT,
    "arbitrage": HTTPStatus.CONFLICT,
    "billed_more_than_rated": HTTPStatus.CONFLICT,
    "card_payments_off": HTTPStatus.CONFLICT,
    "change_in_the_past": HTTPStatus.CONFLICT,
    "commitment_runs": HTTPStatus.CONFLICT,
    "coupon_ended": HTTPStatus.CONFLICT,
    "coupon_used_up": HTTPStatus.CONFLICT,
    "credit_note_not_found": HTTPStatus.NOT_FOUND,
    "currency_settled": HTTPStatus.CONFLICT,
    "idempotency_key_reused": HTTPStatus.CONFLICT,
    "incomplete_document": HTTPStatus.CONFLICT,
    "invoice_not_found": HTTPStatus.NOT_FOUND,
    "invoice_not_voidable": HTTPStatus.CONFLICT,
    "invoice_not_written_off": HTTPStatus.CONFLICT,
    "no_subscription": HTTPStatus.CONFLICT,
    "no_tax_rate": HTTPStatus.CONFLICT,
    "not_creditable": HTTPStatus.CONFLICT,
    "not_refundable": HTTPStatus.CONFLICT,
    "nothing_due": HTTPStatus.CONFLICT,
    "nothing_to_issue": HTTPStatus.CONFLICT,
    "other_currency": HTTPStatus.CONFLICT,
    "payment_in_progress": HTTPStatus.CONFLICT,
    "payment_provider_refused": HTTPStatus.CONFLICT,
    "payment_provider_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "period_not_over": HTTPStatus.CONFLICT,
    "plan_withdrawn": HTTPStatus.CONFLICT,
    "price_book_taken": HTTPStatus.CONFLICT,
    "price_in_the_past": HTTPStatus.CONFLICT,
    "price_out_of_order": HTTPStatus.CONFLICT,
    "receipt_changed": HTTPStatus.CONFLICT,
    "receipts_differ": HTTPStatus.CONFLICT,
    "request_in_progress": HTTPStatus.CONFLICT,
    "tax_changed": HTTPStatus.SERVICE_UNAVAILABLE,
    "tax_engine_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_webhook_endpoints": HTTPStatus.CONFLICT,
    "unknown_coupon": HTTPStatus.NOT_FOUND,
    "unknown_model": HTTPStatus.NOT_FOUND,
    "unknown_plan": HTTPStatus.NOT_FOUND,
    "unknown_price_book": HTTPStatus.NOT_FOUND,
    "unknown_tenant": HTTPStatus.NOT_FOUND,
    "unpriced_usage": HTTPStatus.CONFLICT,
    "unreconciled": HTTPStatus.CONFLICT,
    "usage_not_rolled_up": HTTPStatus.SERVICE_UNAVAILABLE,
    "webhook_endpoint_disabled": HTTPStatus.CONFLICT,
}
"""Code of a service's error -> status; 400 for all others."""
_BUSY_SECONDS = 2
_SERVER_ERROR = 500


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
    status = STATUSES.get(error.code, HTTPStatus.BAD_REQUEST)
    is_passing = error.code == "request_in_progress" or status >= _SERVER_ERROR
    return RefusedError(
        str(error) or error.code,
        code=error.code,
        status=status,
        param=getattr(error, "field", None),
        retry_seconds=_BUSY_SECONDS if is_passing else None,
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
