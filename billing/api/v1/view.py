"""What every resource of the management API has in common."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api.v1.callers import (
    TENANT_HEADER,
    BearerAuthentication,
    Caller,
    PortalAuthentication,
)
from billing.api.v1.rate_limit import refuse_too_many
from billing.api.v1.refusals import RefusedError
from billing.api.v1.times import in_utc
from billing.api.v1.wire_format import (
    BODY_BYTES_MAX,
    AlwaysJson,
    JsonRenderer,
    RawJsonParser,
)
from billing.services.api_access.answer_once import Answer, Asked, answer_once
from tenants.domain.actors import set_actor
from tenants.domain.roles import Permission, roles_with
from tenants.models import Tenant
from tenants.row_security import SAFE_METHODS, reading_as

IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY_CHARACTERS_MAX = 100
_SHOWN_ONCE = "secret"
_Form = TypeVar("_Form", bound=msgspec.Struct)
_View = TypeVar("_View", bound="ApiView")
_P = ParamSpec("_P")


class IsKnown(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        del view
        if not isinstance(request.auth, Caller):
            raise NotAuthenticated(
                "Send `Authorization: Bearer` with an API key, or sign in."
            )
        return True


class ApiView(APIView):
    """Everything that it shows or changes is looked up among `tenant`'s own rows."""

    authentication_classes = (BearerAuthentication, PortalAuthentication)
    permission_classes = (IsKnown,)
    parser_classes = (RawJsonParser,)
    renderer_classes = (JsonRenderer,)
    content_negotiation_class = AlwaysJson

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        with ExitStack() as self._second_wall:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_too_many(self.caller.name)
        set_actor(self.caller.actor)
        if request.method in SAFE_METHODS and self.caller.tenant is not None:
            self._second_wall.enter_context(reading_as(self.caller.tenant.pk))

    @property
    def caller(self) -> Caller:
        caller = self.request.auth
        assert isinstance(caller, Caller)  # noqa: S101  IsKnown has seen to it
        return caller

    @property
    def tenant(self) -> Tenant:
        """Raises RefusedError: staff have to say whose things they mean."""
        if self.caller.tenant is None:
            raise RefusedError(
                f"Name the tenant in the header {TENANT_HEADER}.",
                code="tenant_required",
                param=TENANT_HEADER,
            )
        return self.caller.tenant

    @property
    def act_key(self) -> str:
        """Names the act of a POST for the services, whose keys are the tenant's and
        kept for ever; those of requests are the caller's, and kept for a day.
        """
        name = f"{self.caller.name} {self.request.headers[IDEMPOTENCY_HEADER]}"
        return f"api:{hashlib.sha256(name.encode()).hexdigest()[:60]}"

    def refuse_unless(self, needed: Permission) -> None:
        """Of members, their role decides; superusers and staff tokens may. A key of a
        tenant that owes reads, and changes nothing: people pay, and see to the rest.
        """
        if self.caller.is_suspended:
            raise RefusedError(
                "The operator has suspended this tenant, so keys only read. Its owners"
                " were told why by mail.",
                code="tenant_suspended",
                status=HTTPStatus.FORBIDDEN,
            )
        if self.caller.is_read_only:
            raise RefusedError(
                "An invoice is overdue, so keys only read. Pay it under Billing in the"
                " portal, and all is as before at once.",
                code="payment_overdue",
                status=HTTPStatus.PAYMENT_REQUIRED,
            )
        if not (needed in self.caller.permissions or self.caller.is_superuser):
            roles = ", ".join(roles_with(needed))
            raise RefusedError(
                f"Only members in one of these roles may: {roles}. Money and limits"
                " are changed signed in to the portal, never by API key.",
                code="role_required",
                status=HTTPStatus.FORBIDDEN,
            )

    def refuse_unless_staff(self) -> None:
        if not self.caller.is_staff:
            raise RefusedError(
                "Only staff may do this.",
                code="staff_required",
                status=HTTPStatus.FORBIDDEN,
            )

    def refuse_unless_superuser(self) -> None:
        """As on the operator's pages: staff may look, and superusers and staff tokens
        decide what things cost.
        """
        self.refuse_unless_staff()
        if not self.caller.is_superuser:
            raise RefusedError(
                "Only superusers and staff tokens may do this.",
                code="superuser_required",
                status=HTTPStatus.FORBIDDEN,
            )

    def read_query(self, form: type[_Form]) -> _Form:
        """Raises RefusedError."""
        given = dict(self.request.query_params.items())
        try:
            return in_utc(msgspec.convert(given, form, strict=False))
        except msgspec.ValidationError as error:
            raise _fault(str(error)) from None

    def read_body(self, form: type[_Form]) -> _Form:
        """Raises RefusedError."""
        try:
            return in_utc(msgspec.json.decode(self.body, type=form))
        except msgspec.ValidationError as error:
            raise _fault(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedError(
                f"The body is not valid JSON: {error}.", code="invalid_json"
            ) from None

    @property
    def body(self) -> bytes:
        """Raises RefusedError."""
        raw = self.request.data
        body = raw if isinstance(raw, bytes) else b""
        if len(body) > BODY_BYTES_MAX:
            raise RefusedError(
                f"The body is larger than {BODY_BYTES_MAX} bytes.",
                code="body_too_large",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
        return body


_Act = Callable[Concatenate[_View, Request, _P], Response]


def repeatable(act: _Act[_View, _P]) -> _Act[_View, _P]:
    """Of every POST: done once for each idempotency key, in one transaction with its
    answer. What is shown once is not shown to a repeat.
    """

    @wraps(act)
    def post(
        self: _View, request: Request, /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Response:
        def do() -> tuple[Answer, str]:
            response = act(self, request, *args, **kwargs)
            content = msgspec.to_builtins(response.data)
            whole = msgspec.json.encode(content).decode()
            kept = _without_secret(content)
            answer = Answer(status=response.status_code, body=whole)
            return answer, msgspec.json.encode(kept).decode()

        answer = answer_once(_asked(self), do, now=timezone.now())
        headers = {"Idempotent-Replayed": "true"} if answer.is_repeated else {}
        return Response(
            msgspec.Raw(answer.body.encode()), status=answer.status, headers=headers
        )

    return post


def _asked(view: ApiView) -> Asked:
    """Raises RefusedError."""
    key = view.request.headers.get(IDEMPOTENCY_HEADER, "")
    if not (0 < len(key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX and key.isprintable()):
        raise RefusedError(
            f"Send a header {IDEMPOTENCY_HEADER}: 1 to {IDEMPOTENCY_KEY_CHARACTERS_MAX}"
            " characters that name this act, such as a new UUID. Send the same again"
            " only to repeat the same act.",
            code="invalid_idempotency_key",
            param=IDEMPOTENCY_HEADER,
        )
    tenant = view.caller.tenant
    parts = (view.request.path.encode(), str(tenant and tenant.pk).encode(), view.body)
    digest = hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in parts))
    return Asked(caller=view.caller.name, idempotency_key=key, digest=digest.digest())


def _without_secret(content: Any) -> Any:
    if isinstance(content, Mapping) and _SHOWN_ONCE in content:
        return {**content, _SHOWN_ONCE: None}
    return content


def _fault(text: str) -> RefusedError:
    """Msgspec says: what - at `$.path`."""
    what, _, path = text.partition(" - at `")
    param = path.rstrip("`").removeprefix("key in ").removeprefix("$").lstrip(".")
    if "`" in what and not param:
        param = what.split("`")[1]
    is_unknown = "unknown field" in what
    return RefusedError(
        f"{what}{f' in {param}' if param and param not in what else ''}.",
        code="unknown_parameter" if is_unknown else "invalid_value",
        param=param or None,
    )
