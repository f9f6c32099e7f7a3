"""Every refusal of the data plane: one table, in the shape of each dialect.

OpenAI: {"error": {"message": str, "type": str, "param": str | null, "code": str}}
Anthropic: {"type": "error", "error": {"type": str, "message": str, "code": str},
"request_id": str}
"""

import enum
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

INVALID = "invalid_request_error"
_AUTHENTICATION = "authentication_error"
_PERMISSION = "permission_error"
_IDEMPOTENCY = "idempotency_error"
_RATE_LIMIT = "rate_limit_error"
_BILLING = "billing_error"
_SERVER = "server_error"


class Dialect(enum.Enum):
    OPENAI = enum.auto()
    ANTHROPIC = enum.auto()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row of the table: which status and type a code has."""

    code: str
    status: HTTPStatus
    type: str


# What the caller sent.
BAD_HTTP = Refusal("bad_http_request", HTTPStatus.BAD_REQUEST, INVALID)
HEAD_TOO_LARGE = Refusal(
    "head_too_large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, INVALID
)
BODY_TOO_LARGE = Refusal("body_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, INVALID)
TOO_SLOW = Refusal("request_timeout", HTTPStatus.REQUEST_TIMEOUT, INVALID)
UNKNOWN_ROUTE = Refusal("unknown_url", HTTPStatus.NOT_FOUND, INVALID)
WRONG_METHOD = Refusal("method_not_allowed", HTTPStatus.METHOD_NOT_ALLOWED, INVALID)
OLD_HTTP = Refusal(
    "http_version_not_supported", HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, INVALID
)
INVALID_JSON = Refusal("invalid_json", HTTPStatus.BAD_REQUEST, INVALID)
INVALID_VALUE = Refusal("invalid_value", HTTPStatus.BAD_REQUEST, INVALID)
MISSING_PARAMETER = Refusal(
    "missing_required_parameter", HTTPStatus.BAD_REQUEST, INVALID
)
UNKNOWN_PARAMETER = Refusal("unknown_parameter", HTTPStatus.BAD_REQUEST, INVALID)
CONTEXT_TOO_LONG = Refusal("context_length_exceeded", HTTPStatus.BAD_REQUEST, INVALID)
ENGINE_REFUSED = Refusal("invalid_request", HTTPStatus.BAD_REQUEST, INVALID)
RESPONSE_NOT_FOUND = Refusal("response_not_found", HTTPStatus.NOT_FOUND, INVALID)
PREVIOUS_RESPONSE_NOT_FOUND = Refusal(
    "previous_response_not_found", HTTPStatus.NOT_FOUND, INVALID
)
RESPONSE_NOT_CANCELLABLE = Refusal(
    "response_not_cancellable", HTTPStatus.BAD_REQUEST, INVALID
)
INVALID_IDEMPOTENCY_KEY = Refusal(
    "invalid_idempotency_key", HTTPStatus.BAD_REQUEST, INVALID
)
IDEMPOTENCY_KEY_REUSED = Refusal(
    "idempotency_key_reused", HTTPStatus.CONFLICT, _IDEMPOTENCY
)
IDEMPOTENT_ANSWER_NOT_KEPT = Refusal(
    "idempotent_answer_not_kept", HTTPStatus.CONFLICT, _IDEMPOTENCY
)
LEASE_NOT_FOUND = Refusal("kv_lease_not_found", HTTPStatus.NOT_FOUND, INVALID)
LEASE_ENDED = Refusal("kv_lease_ended", HTTPStatus.CONFLICT, INVALID)
LEASE_NOT_EXTENDED = Refusal("kv_lease_not_extended", HTTPStatus.BAD_REQUEST, INVALID)
LEASES_NOT_OFFERED = Refusal("kv_leases_not_offered", HTTPStatus.BAD_REQUEST, INVALID)
LEASES_FULL = Refusal("kv_capacity_exhausted", HTTPStatus.CONFLICT, INVALID)
CACHED_PROMPT_NOT_FOUND = Refusal(
    "cached_prompt_not_found", HTTPStatus.NOT_FOUND, INVALID
)
# Who the caller is.
MISSING_KEY = Refusal("missing_api_key", HTTPStatus.UNAUTHORIZED, _AUTHENTICATION)
MALFORMED_KEY = Refusal("malformed_api_key", HTTPStatus.UNAUTHORIZED, _AUTHENTICATION)
UNKNOWN_KEY = Refusal("invalid_api_key", HTTPStatus.UNAUTHORIZED, _AUTHENTICATION)
REVOKED_KEY = Refusal("revoked_api_key", HTTPStatus.UNAUTHORIZED, _AUTHENTICATION)
EXPIRED_KEY = Refusal("expired_api_key", HTTPStatus.UNAUTHORIZED, _AUTHENTICATION)
# What the caller may do.
UNKNOWN_MODEL = Refusal("model_not_found", HTTPStatus.NOT_FOUND, INVALID)
ENDPOINT_NOT_OFFERED = Refusal("endpoint_not_offered", HTTPStatus.BAD_REQUEST, INVALID)
MODEL_NOT_ALLOWED = Refusal("model_not_allowed", HTTPStatus.FORBIDDEN, _PERMISSION)
TENANT_SUSPENDED = Refusal("tenant_suspended", HTTPStatus.FORBIDDEN, _PERMISSION)
SCOPE_MISSING = Refusal("scope_missing", HTTPStatus.FORBIDDEN, _PERMISSION)
RATE_LIMITED = Refusal("rate_limit_exceeded", HTTPStatus.TOO_MANY_REQUESTS, _RATE_LIMIT)
NEVER_FITS = Refusal(
    "request_exceeds_rate_limit", HTTPStatus.TOO_MANY_REQUESTS, _RATE_LIMIT
)
TOO_MANY_RESPONSES = Refusal(
    "too_many_stored_responses", HTTPStatus.TOO_MANY_REQUESTS, _RATE_LIMIT
)
TOO_MANY_IDEMPOTENCY_KEYS = Refusal(
    "too_many_idempotency_keys", HTTPStatus.TOO_MANY_REQUESTS, _RATE_LIMIT
)
CONCURRENCY_LIMITED = Refusal(
    "concurrency_limit_exceeded", HTTPStatus.TOO_MANY_REQUESTS, _RATE_LIMIT
)
INSUFFICIENT_CREDIT = Refusal(
    "insufficient_credit", HTTPStatus.PAYMENT_REQUIRED, _BILLING
)
SPEND_LIMITED = Refusal("spend_limit_reached", HTTPStatus.PAYMENT_REQUIRED, _BILLING)
PAYMENT_OVERDUE = Refusal("payment_overdue", HTTPStatus.PAYMENT_REQUIRED, _BILLING)
# What we cannot do right now.
UNPRICED_MODEL = Refusal("model_not_priced", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER)
ENGINE_NOT_READY = Refusal("engine_not_ready", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER)
OVERLOADED = Refusal("overloaded", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER)
LIMITER_UNAVAILABLE = Refusal(
    "rate_limiter_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER
)
RESPONSES_UNAVAILABLE = Refusal(
    "stored_responses_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER
)
IDEMPOTENCY_UNAVAILABLE = Refusal(
    "idempotency_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER
)
LEASES_UNAVAILABLE = Refusal(
    "kv_leases_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER
)
CACHED_PROMPTS_UNAVAILABLE = Refusal(
    "cached_prompts_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER
)
USAGE_UNAVAILABLE = Refusal(
    "usage_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER
)
CONTROL_PLANE_UNAVAILABLE = Refusal(
    "control_plane_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER
)
KEYS_UNAVAILABLE = Refusal("keys_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER)
JOURNAL_FULL = Refusal("metering_unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _SERVER)
ENGINE_UNAVAILABLE = Refusal("engine_unavailable", HTTPStatus.BAD_GATEWAY, _SERVER)
ENGINE_INVALID = Refusal("engine_answer_invalid", HTTPStatus.BAD_GATEWAY, _SERVER)
ENGINE_TIMEOUT = Refusal("engine_timeout", HTTPStatus.GATEWAY_TIMEOUT, _SERVER)


_ANTHROPIC_TYPES = {
    HTTPStatus.BAD_REQUEST: "invalid_request_error",
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.PAYMENT_REQUIRED: "billing_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.METHOD_NOT_ALLOWED: "invalid_request_error",
    HTTPStatus.REQUEST_TIMEOUT: "invalid_request_error",
    HTTPStatus.CONFLICT: "invalid_request_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "invalid_request_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded_error",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout_error",
}
"""All others are `api_error`."""


class RefusedError(Exception):
    """The call is answered with `refusal` and goes no further."""

    def __init__(
        self,
        refusal: Refusal,
        message: str,
        *,
        param: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.message = message
        self.param = param
        self.retry_after_seconds = retry_after_seconds

    def body(self, dialect: Dialect, *, request_id: str) -> bytes:
        if dialect is Dialect.ANTHROPIC:
            return self._anthropic_body(request_id)
        return msgspec.json.encode(
            {
                "error": {
                    "message": self.message,
                    "type": self.refusal.type,
                    "param": self.param,
                    "code": self.refusal.code,
                }
            }
        )

    def _anthropic_body(self, request_id: str) -> bytes:
        status = self.refusal.status
        error = {
            "type": _ANTHROPIC_TYPES.get(status, "api_error"),
            "message": self.message,
            "code": self.refusal.code,
        }
        return msgspec.json.encode(
            {"type": "error", "error": error, "request_id": f"req_{request_id}"}
        )

    def headers(self) -> bytes:
        """Further header lines of the answer, each ended by CRLF."""
        if self.retry_after_seconds is None:
            return b""
        return b"retry-after: %d\r\n" % self.retry_after_seconds
