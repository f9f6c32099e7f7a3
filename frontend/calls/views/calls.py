"""The request log, its file, and the page of one call."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from frontend.access import Access, tenant_page
from frontend.calls.call_forms import OUTCOMES, CallFilterForm, find_named
from frontend.calls.call_log import FILE_MAX, PAGE, LogPage, read_log
from frontend.calls.call_page import PICTURE_WIDTH, find_call
from frontend.calls.newest_calls import Call
from frontend.calls.said import Said, read_said
from frontend.csv_file import csv_lines
from frontend.cursors import read_place
from frontend.live import live_page
from frontend.parts import wants_part
from metering.text_models import KeptText
from metering.wire import Outcome
from tenants.models import ApiKey

_MS = timedelta(milliseconds=1)
_CSV_HEAD = (
    "happened_at_utc",
    "request_id",
    "model",
    "endpoint",
    "api_key_id",
    "api_key_name",
    "outcome",
    "streamed",
    "input_tokens",
    "cached_input_tokens",
    "leased_input_tokens",
    "output_tokens",
    "images",
    "first_token_ms",
    "duration_ms",
    "amount_nanos",
)


def _key_of(request: HttpRequest, access: Access) -> ApiKey | None:
    """Another tenant's key answers as one that is not there."""
    try:
        return find_named(ApiKey, access.tenant, request.GET.get("key", ""))
    except ApiKey.DoesNotExist:
        raise Http404 from None


def _form(request: HttpRequest, access: Access) -> CallFilterForm:
    return CallFilterForm(
        access.tenant,
        request.GET,
        api_key=_key_of(request, access),
        now=datetime.now(UTC),
    )


def _read(
    request: HttpRequest, access: Access, form: CallFilterForm, *, limit: int
) -> LogPage:
    """What cannot be understood finds nothing, and the form says what it is."""
    after = read_place(request.GET.get("after", ""))
    if not form.is_valid():
        return LogPage(calls=[], next_after="", looked_until=None)
    return read_log(
        access.tenant,
        form.condition,
        is_narrowing=form.is_narrowing,
        after=after,
        limit=limit,
    )


@require_safe
@never_cache
@live_page(every_seconds=2)
@tenant_page
def calls(request: HttpRequest, access: Access) -> HttpResponse:
    """A page of the log; asked by htmx, its table alone."""
    if wanted := request.GET.get("id", "").strip():
        return _go_to(wanted)
    form = _form(request, access)
    page = _read(request, access, form, limit=PAGE)
    context = {
        "form": form,
        "page": page,
        "calls": page.calls,
        "is_first": not request.GET.get("after"),
        "is_filtered": form.is_bound and any(_filters(request).values()),
        "query": _query(request),
        "file_max": FILE_MAX,
    }
    status = 422 if form.errors else 200
    part = "calls_table" if wants_part(request) else "calls"
    return render(
        request,
        f"frontend/calls/{part}.html",
        context,
        status=status,
    )


def _go_to(wanted: str) -> HttpResponse:
    try:
        event_id = UUID(wanted.removeprefix("req_"))
    except ValueError:
        raise Http404 from None
    return redirect("frontend:call", f"req_{event_id.hex}")


def _filters(request: HttpRequest) -> dict[str, object]:
    return {name: request.GET[name] for name in request.GET if name != "after"}


def _query(request: HttpRequest) -> str:
    """The filters as part of an address, without the place in the list."""
    said = request.GET.copy()
    said.pop("after", None)
    return said.urlencode()


@require_safe
@tenant_page
def calls_csv(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """From the page that is shown on, at most FILE_MAX calls."""
    form = _form(request, access)
    page = _read(request, access, form, limit=FILE_MAX)
    response = StreamingHttpResponse(
        csv_lines(_CSV_HEAD, _rows(page.calls)),
        content_type="text/csv; charset=utf-8",
    )
    name = f"tokenfab-calls-{timezone.now().date().isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _rows(found: list[Call]) -> Iterator[tuple[object, ...]]:
    for one in found:
        event = one.event
        yield (
            event.happened_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            one.request_id,
            event.model,
            event.endpoint,
            event.api_key_id,
            one.key_name,
            event.outcome,
            "yes" if event.streamed else "no",
            event.input_tokens,
            one.input.cached,
            one.input.leased,
            event.output_tokens,
            event.images,
            "" if one.ttft is None else one.ttft // _MS,
            one.duration // _MS,
            "" if one.amount_nanos is None else one.amount_nanos,
        )


def _said(access: Access, event_id: UUID) -> Said | None:
    """None: it is not kept, or not for members of this role."""
    if not access.may_build:
        return None
    kept = KeptText.objects.filter(pk=event_id, tenant_id=access.tenant.pk).first()
    return read_said(kept) if kept else None


@require_safe
@tenant_page
def call(request: HttpRequest, access: Access, request_id: str) -> HttpResponse:
    try:
        event_id = UUID(request_id.removeprefix("req_"))
    except ValueError:
        raise Http404 from None
    found = find_call(access.tenant, event_id)
    if found is None:
        raise Http404
    context: dict[str, Any] = {
        "page": found,
        "call": found.call,
        "event": found.event,
        "outcome": OUTCOMES[Outcome(found.event.outcome)],
        "said": _said(access, event_id),
        "picture_width": PICTURE_WIDTH,
    }
    return render(request, "frontend/calls/call.html", context)
