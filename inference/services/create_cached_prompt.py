"""A new cached prompt: read once, paid for, and held."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from inference.cached_prompt_models import (
    ENGINES_MAX,
    CachedPrompt,
)
from inference.domain.prompt_asked import AskedPrompt, end_of, name_fault, ttl_fault
from inference.errors import (
    CachedPromptError,
    CachedPromptExistsError,
    CachedPromptsNotSoldError,
    CachedPromptsUnavailableError,
    EngineSilentError,
    PromptTooLongError,
    TooManyCachedPromptsError,
)
from inference.models import ServedModel
from inference.services.count_prompt import count_prompt
from inference.services.find_engines import find_engines, serving
from inference.services.find_model import find_model
from inference.services.place_cached_prompt import place_cached_prompt, tier_of_room
from tenants.models import ApiKey, Project
from tenants.services.read_switches import read_switches

LIVING_MAX = 100
"""Of one project."""
_OTHERS_WITHIN_SECONDS = 25.0
"""Of the answer that the caller waits for; later ones are placed by and by."""


def create_cached_prompt(
    api_key: ApiKey, asked: AskedPrompt, *, now: datetime
) -> tuple[CachedPrompt, bool]:
    """The prompt, and whether it is new: the same content under the same name once
    more is the same prompt.

    It waits until an engine holds the prompt. Raises CachedPromptError; then nothing
    was charged and nothing is left.
    """
    _check(asked)
    model = find_model(asked.model, api_key=api_key)
    if known := _known(api_key.project_id, asked, model):
        return known, False
    if not read_switches().sells_cached_prompts:
        raise CachedPromptsNotSoldError(
            gettext(
                "New cached prompts are not sold at the moment. Send the prompt itself."
            )
        )
    tokens = _count(model, asked, now=now)
    try:
        prompt = _insert(api_key, asked, model, now=now)
    except IntegrityError:
        known = _known(api_key.project_id, asked, model)
        if known is None:
            raise
        return known, False
    try:
        placement = place_cached_prompt(
            prompt, tokens=tokens, now=now, is_at_our_cost=False
        )
    except CachedPromptError:
        _forget(prompt)
        raise
    _place_on_others(prompt, tokens=tokens, since=now, first=placement.engine_id)
    prompt.refresh_from_db()
    return prompt, True


def _check(asked: AskedPrompt) -> None:
    faults = {
        "name": name_fault(asked.name),
        "ttl": ttl_fault(asked.ttl_seconds),
        "replicas": None
        if 1 <= asked.engine_count <= ENGINES_MAX
        else f"expected 1 to {ENGINES_MAX}",
    }
    for param, fault in faults.items():
        if fault:
            raise CachedPromptError(
                gettext("Invalid value for %(param)s: %(fault)s.")
                % {"param": param, "fault": fault},
                param=param,
            )


def _known(
    project_id: int, asked: AskedPrompt, model: ServedModel
) -> CachedPrompt | None:
    """Raises CachedPromptExistsError."""
    living = CachedPrompt.objects.of_project(project_id).living()
    known = living.filter(name=asked.name).first()
    if known is None:
        return None
    sha256 = asked.content.sha256
    if (known.content_sha256, known.served_model_id) != (sha256, model.pk):
        raise CachedPromptExistsError(
            gettext(
                "The name %(name)s is taken by another content or model, and contents"
                " never change. Take another name, or delete that prompt first."
            )
            % {"name": asked.name},
            param="name",
        )
    return known


def _count(model: ServedModel, asked: AskedPrompt, *, now: datetime) -> int:
    tier = tier_of_room(asked.tier)
    found = find_engines(model, tier=tier, now=now)[0]
    if asked.engine_count > serving(model).count():
        raise CachedPromptError(
            gettext(
                "Invalid value for replicas: the model %(name)s runs on %(count)s"
                " engines."
            )
            % {"name": model.name, "count": serving(model).count()},
            param="replicas",
        )
    try:
        tokens = count_prompt(found.engine, content=asked.content.text)
    except EngineSilentError:
        raise CachedPromptsUnavailableError(
            gettext("The engine did not answer in time. Please retry in a few seconds.")
        ) from None
    block_tokens = found.told.block_tokens
    if tokens < block_tokens:
        raise CachedPromptError(
            gettext(
                "The prompt has %(tokens)s tokens, and whole blocks of"
                " %(block_tokens)s are held: there is nothing to hold."
            )
            % {"tokens": tokens, "block_tokens": block_tokens},
            param="messages",
        )
    if tokens >= model.context_tokens:
        raise PromptTooLongError(
            gettext(
                "The prompt has %(tokens)s tokens and leaves no room for another in"
                " the %(context_tokens)s of the model. Shorten it."
            )
            % {"tokens": tokens, "context_tokens": model.context_tokens},
            param="messages",
        )
    return tokens


@transaction.atomic
def _insert(
    api_key: ApiKey, asked: AskedPrompt, model: ServedModel, *, now: datetime
) -> CachedPrompt:
    Project.objects.select_for_update().get(pk=api_key.project_id)
    living = CachedPrompt.objects.of_project(api_key.project_id).living()
    if living.count() >= LIVING_MAX:
        raise TooManyCachedPromptsError(
            gettext(
                "The project has %(LIVING_MAX)s cached prompts. Delete one, or let it"
                " end."
            )
            % {"LIVING_MAX": LIVING_MAX}
        )
    return CachedPrompt.objects.create(
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        api_key=api_key,
        name=asked.name,
        served_model=model,
        content=asked.content.text,
        content_sha256=asked.content.sha256,
        message_count=asked.content.message_count,
        tier=asked.tier,
        lease_class=asked.lease_class,
        ttl_seconds=asked.ttl_seconds,
        auto_renew=asked.auto_renew,
        engine_count=asked.engine_count,
        expires_at=asked.expires_at or end_of(now=now, ttl_seconds=asked.ttl_seconds),
        created_at=now,
    )


def _place_on_others(
    prompt: CachedPrompt, *, tokens: int, since: datetime, first: int
) -> None:
    """At our cost: the input is paid once. What does not work out now is tried again
    by `keep_cached_prompts`.
    """
    taken = [first]
    while len(taken) < prompt.engine_count:
        now = timezone.now()
        if (now - since).total_seconds() > _OTHERS_WITHIN_SECONDS:
            return
        try:
            placement = place_cached_prompt(
                prompt, tokens=tokens, now=now, is_at_our_cost=True, without=taken
            )
        except CachedPromptError:
            return
        taken.append(placement.engine_id)


@transaction.atomic
def _forget(prompt: CachedPrompt) -> None:
    """Nobody has seen it, and a refusal leaves no mebibyte behind."""
    prompt.placements.all().delete()
    prompt.delete()
