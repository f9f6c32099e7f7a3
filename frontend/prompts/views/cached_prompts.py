"""Cached prompts: list, buy, watch, extend, renew, delete."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.formatting import exact_amount
from frontend.leases.lease_uses import uses_of_prompt
from frontend.live import live_page
from frontend.parts import wants_part
from frontend.prompts.prompt_forms import (
    TTLS,
    CachedPromptForm,
    ExtendPromptForm,
)
from frontend.prompts.prompt_history import DAY, latest_events, storage_of
from frontend.prompts.prompt_list import (
    ShownPrompt,
    describe_prompts,
    find_prompt,
    prompts_of,
    sum_prompts,
)
from frontend.prompts.prompt_prices import held_price, sum_of
from frontend.prompts.prompt_quote import PromptQuote, digest_of, read_quote
from frontend.tables import Rules, read_table
from inference.cached_prompt_models import LIVING
from inference.errors import CachedPromptError, InferenceError
from inference.services.change_cached_prompt import PromptChange, change_cached_prompt
from inference.services.create_cached_prompt import create_cached_prompt
from inference.services.end_cached_prompt import delete_cached_prompt
from tenants.domain.roles import Permission

_LIVING_ONES = Rules(
    sorts={
        "made": "created_at",
        "name": Lower("name"),
        "left": "expires_at",
        "tokens": "token_count",
    },
    default="-made",
    search=("name", "served_model__name", "project__name"),
)
ENDED_SHOWN = 25
_FIELDS = {
    "name": "name",
    "model": "model",
    "ttl": "ttl_seconds",
    "tier": "tier",
    "replicas": "engines",
}
"""By the parameter that an error names."""


@require_safe
@never_cache
@live_page(every_seconds=2)
@tenant_page
def cached_prompts(request: HttpRequest, access: Access) -> HttpResponse:
    now = timezone.now()
    rows = prompts_of(access.tenant)
    table = read_table(
        request.GET, rows.filter(status__in=LIVING).order_by(), _LIVING_ONES
    )
    context = {
        "table": table,
        "living": describe_prompts(table.rows, tenant=access.tenant, now=now),
        "sums": sum_prompts(access.tenant, now=now),
        "ended": rows.exclude(status__in=LIVING)[:ENDED_SHOWN],
        "now": now,
    }
    part = "cached_prompts_live" if wants_part(request) else "cached_prompts"
    return render(request, f"frontend/prompts/{part}.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def create(request: HttpRequest, access: Access) -> HttpResponse:
    """Shows the price first, and buys what it was shown for."""
    now = timezone.now()
    if request.method != "POST":
        form = CachedPromptForm(access.tenant, now=now)
        return _form_page(request, form)
    form = CachedPromptForm(access.tenant, request.POST, now=now)
    quote: PromptQuote | None = None
    if form.is_valid():
        try:
            if _is_bought(form):
                return _buy(request, form, now)
            quote = read_quote(form.cleaned_data["api_key"], form.asked, now=now)
        except InferenceError as error:
            _tell(form, error)
    return _form_page(request, form, quote)


def _is_bought(form: CachedPromptForm) -> bool:
    return "buy" in form.data and form.cleaned_data["quoted"] == digest_of(form.asked)


def _buy(request: HttpRequest, form: CachedPromptForm, now: datetime) -> HttpResponse:
    """Raises CachedPromptError."""
    api_key = form.cleaned_data["api_key"]
    prompt, is_new = create_cached_prompt(api_key, form.asked, now=now)
    if is_new:
        messages.success(
            request,
            gettext("%(name)s is held. Calls may use it now.") % {"name": prompt.name},
        )
    else:
        messages.info(
            request, gettext("It was there already: the same content and name.")
        )
    return redirect("frontend:cached_prompt", prompt.public_id)


def _tell(form: CachedPromptForm, error: InferenceError) -> None:
    """Beside the field that it is about, if it is about one."""
    param = error.param if isinstance(error, CachedPromptError) else None
    name = (param or "").partition("[")[0]
    if name in {"messages", "tools"}:
        as_json = form.cleaned_data["content_json"].strip()
        form.add_error("content_json" if as_json else "instructions", str(error))
    else:
        form.add_error(_FIELDS.get(name), str(error))


def _form_page(
    request: HttpRequest, form: CachedPromptForm, quote: PromptQuote | None = None
) -> HttpResponse:
    context = {"form": form, "quote": quote}
    status = 422 if form.errors else 200
    return render(
        request, "frontend/prompts/create_cached_prompt.html", context, status=status
    )


def _find(access: Access, public_id: UUID, now: datetime) -> ShownPrompt:
    found = find_prompt(access.tenant, public_id, now=now)
    if found is None:
        raise Http404
    return found


@require_safe
@never_cache
@tenant_page
def cached_prompt(
    request: HttpRequest, access: Access, public_id: UUID
) -> HttpResponse:
    now = timezone.now()
    found = _find(access, public_id, now)
    storage = storage_of(found.prompt, now=now)
    use = uses_of_prompt(found.prompt, since=now - DAY)
    context = {
        "shown": found,
        "prompt": found.prompt,
        "storage": storage,
        "use": use,
        "saved_nanos": _saved(use.worth_nanos, storage.day_nanos),
        "events": latest_events(found.prompt),
        "now": now,
    }
    part = "cached_prompt_live" if wants_part(request) else "cached_prompt"
    return render(request, f"frontend/prompts/{part}.html", context)


def _saved(worth_nanos: int | None, cost_nanos: int | None) -> int | None:
    if worth_nanos is None or cost_nanos is None:
        return None
    return worth_nanos - cost_nanos


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def extend(request: HttpRequest, access: Access, public_id: UUID) -> HttpResponse:
    now = timezone.now()
    found = _find(access, public_id, now)
    form = ExtendPromptForm(_longer(found, now), *posted(request))
    if request.method == "POST" and form.is_valid():
        change = PromptChange(ttl_seconds=form.cleaned_data["ttl_seconds"])
        return _change(request, found, change, gettext("Extended."))
    context = {"form": form, "shown": found, "prompt": found.prompt, "now": now}
    status = 422 if form.errors else 200
    return render(
        request, "frontend/prompts/extend_cached_prompt.html", context, status=status
    )


def _longer(found: ShownPrompt, now: datetime) -> list[tuple[int, str]]:
    """Seconds from now and titles, with what each adds at most."""
    left = (found.prompt.expires_at - now).total_seconds()
    choices = []
    for seconds, title in TTLS.items():
        if seconds <= left:
            continue
        added = sum_of(
            held_price(
                one.placement.bytes,
                one.tier,
                found.rates,
                time_ms=(seconds - max(0, int(left))) * 1000,
            )
            for one in found.held
        )
        told = (
            ""
            if added is None
            else gettext(": at most %(added)s more") % {"added": exact_amount(added)}
        )
        choices.append(
            (
                seconds,
                gettext("%(title)s from now%(told)s") % {"title": title, "told": told},
            )
        )
    return choices


def _change(
    request: HttpRequest, found: ShownPrompt, change: PromptChange, told: str
) -> HttpResponse:
    try:
        change_cached_prompt(found.prompt, change, now=timezone.now())
    except InferenceError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, told)
    return redirect("frontend:cached_prompt", found.prompt.public_id)


@require_http_methods(["POST"])
@tenant_page_for(Permission.BUILD)
def renew(request: HttpRequest, access: Access, public_id: UUID) -> HttpResponse:
    """Switches renewal on, or off."""
    found = _find(access, public_id, timezone.now())
    is_on = request.POST.get("auto_renew") == "on"
    told = (
        gettext("It renews itself from now on.")
        if is_on
        else gettext("It ends when its time is up.")
    )
    return _change(request, found, PromptChange(auto_renew=is_on), told)


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.BUILD)
def delete(request: HttpRequest, access: Access, public_id: UUID) -> HttpResponse:
    now = timezone.now()
    found = _find(access, public_id, now)
    form = TypedNameForm(found.prompt.name, *posted(request))
    if form.is_valid():
        delete_cached_prompt(found.prompt, now=now)
        messages.success(
            request,
            gettext("%(name)s is deleted. Its storage costs nothing more.")
            % {"name": found.prompt.name},
        )
        return redirect("frontend:cached_prompts")
    context = {"form": form, "shown": found, "prompt": found.prompt, "now": now}
    return render_form(request, "frontend/prompts/delete_cached_prompt.html", context)
