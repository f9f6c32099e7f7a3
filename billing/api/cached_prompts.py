"""`/v1/cached_prompts`: KV of a fixed beginning, bought by bytes and time."""

import math
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from billing.api.bodies import (
    TTL_MS_DEFAULT,
    ChangeBody,
    CreateBody,
    read_body,
    time_of,
)
from billing.api.callers import for_keys
from billing.api.capacity import capacity_refusal
from billing.api.documents import event_document, prompt_documents
from billing.services.prices.read_lease_rates import NOT_SOLD, read_lease_rates
from inference.cached_prompt_models import CachedPrompt
from inference.domain.lease_terms import LeaseClass, Tier
from inference.domain.prompt_asked import AskedPrompt
from inference.domain.prompt_content import (
    ContentError,
    ContentTooLargeError,
    PromptContent,
    read_content,
)
from inference.errors import (
    CachedPromptError,
    CapacityExhaustedError,
    LeasesNotOfferedError,
    MissingParameterError,
    PromptTooLargeError,
)
from inference.models import ServedModel
from inference.services.change_cached_prompt import PromptChange, change_cached_prompt
from inference.services.create_cached_prompt import create_cached_prompt
from inference.services.end_cached_prompt import delete_cached_prompt
from inference.services.find_cached_prompt import find_cached_prompt
from inference.services.find_model import find_model
from tenants.models import ApiKey

EVENTS_SHOWN_MAX = 200
_CREATED, _OK = 201, 200


def create(request: HttpRequest, api_key: ApiKey) -> HttpResponse:
    body, now = read_body(request, CreateBody), timezone.now()
    asked = _asked(body, now)
    model = find_model(body.model, api_key=api_key)
    _check_offer(model, body.tier, api_key=api_key, now=now)
    try:
        prompt, is_new = create_cached_prompt(api_key, asked, now=now)
    except CapacityExhaustedError as error:
        return capacity_refusal(
            error, model=model, api_key=api_key, lease_class=body.lease_class
        )
    document = _document(prompt)
    if is_new:
        document["usage"] = {
            "prompt_tokens": prompt.token_count,
            "cache_write_tokens": document["retained_tokens"],
        }
    return JsonResponse(document, status=_CREATED if is_new else _OK)


def list_all(request: HttpRequest, api_key: ApiKey) -> HttpResponse:
    """Those that live, of which a project has a hundred at most; the newest first."""
    del request
    living = CachedPrompt.objects.of_project(api_key.project_id).living()
    prompts = list(
        living.select_related("served_model").defer("content").order_by("-pk")
    )
    models = {one.served_model_id for one in prompts}
    rates = read_lease_rates(models, tenant_id=api_key.tenant_id, now=timezone.now())
    data = prompt_documents(prompts, rates)
    return JsonResponse({"object": "list", "data": data, "has_more": False})


def read(request: HttpRequest, api_key: ApiKey, name: str) -> HttpResponse:
    del request
    return JsonResponse(_document(_find(name, api_key, is_living=False)))


def change(request: HttpRequest, api_key: ApiKey, name: str) -> HttpResponse:
    now, body = timezone.now(), read_body(request, ChangeBody)
    prompt = _find(name, api_key)
    if body.tier is not None:
        _check_offer(prompt.served_model, body.tier, api_key=api_key, now=now)
    wanted = PromptChange(
        **_times(body.ttl, body.expire_time, now=now),
        auto_renew=body.auto_renew,
        tier=body.tier,
    )
    if wanted == PromptChange():
        raise MissingParameterError(
            "Give at least one of ttl, expire_time, auto_renew and tier."
        )
    try:
        change_cached_prompt(prompt, wanted, now=now)
    except CapacityExhaustedError as error:
        return capacity_refusal(
            error,
            model=prompt.served_model,
            api_key=api_key,
            lease_class=LeaseClass(prompt.lease_class),
        )
    return JsonResponse(_document(prompt))


def delete(request: HttpRequest, api_key: ApiKey, name: str) -> HttpResponse:
    del request
    prompt = _find(name, api_key)
    delete_cached_prompt(prompt, now=timezone.now())
    return JsonResponse(
        {"id": prompt.shown_id, "object": "cached_prompt", "deleted": True}
    )


def list_events(request: HttpRequest, api_key: ApiKey, name: str) -> HttpResponse:
    """The newest first; also of a prompt that has ended, by its id."""
    del request
    prompt = _find(name, api_key, is_living=False)
    found = list(prompt.events.order_by("-pk")[: EVENTS_SHOWN_MAX + 1])
    shown = [event_document(one) for one in found[:EVENTS_SHOWN_MAX]]
    has_more = len(found) > EVENTS_SHOWN_MAX
    return JsonResponse({"object": "list", "data": shown, "has_more": has_more})


def content_of(messages: msgspec.Raw, tools: msgspec.Raw) -> PromptContent:
    """Raises CachedPromptError."""
    try:
        return read_content(messages, tools)
    except ContentTooLargeError as error:
        raise PromptTooLargeError(str(error), param=error.param) from None
    except ContentError as error:
        raise CachedPromptError(str(error), param=error.param) from None


def _asked(body: CreateBody, now: datetime) -> AskedPrompt:
    times = _times(body.ttl, body.expire_time, now=now)
    times.setdefault("ttl_seconds", TTL_MS_DEFAULT // 1000)
    return AskedPrompt(
        name=body.name,
        model=body.model,
        content=content_of(body.messages, body.tools),
        tier=body.tier,
        lease_class=body.lease_class,
        auto_renew=body.auto_renew,
        engine_count=body.engine_count,
        **times,
    )


def _times(
    ttl: str | None, expire_time: str | None, *, now: datetime
) -> dict[str, Any]:
    """`ttl_seconds` is rounded up: nothing is shorter than it was bought for."""
    given = time_of(ttl, expire_time, now=now)
    if given is None:
        return {}
    time_ms, end = given
    return {"ttl_seconds": math.ceil(time_ms / 1000), "expires_at": end}


def _check_offer(
    model: ServedModel, tier: Tier, *, api_key: ApiKey, now: datetime
) -> None:
    rates = read_lease_rates([model.pk], tenant_id=api_key.tenant_id, now=now).get(
        model.pk, NOT_SOLD
    )
    if rates.of(tier) is None:
        where = "" if tier is Tier.AUTO else f" in the tier {tier}"
        raise LeasesNotOfferedError(
            f"KV leases{where} of the model {model.name} are not sold: they have no "
            "price. Take another tier or model.",
            param="tier",
        )


def _find(name: str, api_key: ApiKey, *, is_living: bool = True) -> CachedPrompt:
    return find_cached_prompt(name, project_id=api_key.project_id, is_living=is_living)


def _document(prompt: CachedPrompt) -> dict[str, Any]:
    rates = read_lease_rates(
        [prompt.served_model_id], tenant_id=prompt.tenant_id, now=timezone.now()
    )
    (document,) = prompt_documents([prompt], rates)
    return document


collection = for_keys(POST=create, GET=list_all)
one = for_keys(GET=read, PATCH=change, DELETE=delete)
events = for_keys(GET=list_events)
