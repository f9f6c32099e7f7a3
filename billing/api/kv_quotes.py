"""`POST /v1/kv_quotes`: what keeping KV would cost and save, before it is bought."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from billing.api.bodies import (
    QuoteBody,
    read_body,
    read_duration,
)
from billing.api.cached_prompts import content_of
from billing.api.callers import for_keys
from billing.api.documents import quote_document
from billing.services.prices.quote_lease import quote_lease
from inference.domain.lease_terms import Tier
from inference.domain.prompt_content import NULL, PromptContent
from inference.domain.prompt_life import TTL_SECONDS_MAX
from inference.errors import CachedPromptError, MissingParameterError
from tenants.models import ApiKey

_TOKENS_MAX = 10_000_000
_TURNS_MAX = 1_000_000


def create(request: HttpRequest, api_key: ApiKey) -> HttpResponse:
    body = read_body(request, QuoteBody)
    _check_range(body.turns_per_hour, "turns_per_hour", _TURNS_MAX)
    time_ms = _time_ms(body)
    quote = quote_lease(
        api_key,
        model=body.model,
        prompt=_prompt(body),
        time_ms=time_ms,
        lease_class=body.lease_class,
        tier=None if body.tier is Tier.AUTO else body.tier,
        now=timezone.now(),
    )
    return JsonResponse(
        quote_document(
            quote,
            currency=api_key.tenant.currency,
            time_ms=time_ms,
            turns_per_hour=body.turns_per_hour,
        )
    )


def _prompt(body: QuoteBody) -> int | PromptContent:
    if (body.tokens is None) == (body.messages == NULL):
        raise MissingParameterError("Give either tokens or messages.", param="tokens")
    if body.messages != NULL:
        return content_of(body.messages, body.tools)
    _check_range(body.tokens, "tokens", _TOKENS_MAX)
    return body.tokens or 0


def _time_ms(body: QuoteBody) -> int:
    if (body.timeout is None) == (body.ttl is None):
        raise MissingParameterError("Give either timeout or ttl.", param="timeout")
    param = "ttl" if body.timeout is None else "timeout"
    time_ms = read_duration(body.timeout or body.ttl or "", param=param)
    if not 0 < time_ms <= TTL_SECONDS_MAX * 1000:
        raise CachedPromptError(
            f"Invalid value for {param}: expected more than 0s and at most "
            f"{TTL_SECONDS_MAX // 86_400}d.",
            param=param,
        )
    return time_ms


def _check_range(number: int | None, param: str, most: int) -> None:
    if number is not None and not 1 <= number <= most:
        raise CachedPromptError(
            f"Invalid value for {param}: expected 1 to {most}.", param=param
        )


quotes = for_keys(POST=create)
