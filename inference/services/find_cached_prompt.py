"""A cached prompt by its name or id, among those of one project."""

from uuid import UUID

from django.utils.translation import gettext

from inference.cached_prompt_models import PREFIX, CachedPrompt
from inference.errors import CachedPromptNotFoundError


def find_cached_prompt(
    name_or_id: str, *, project_id: int, is_living: bool = True
) -> CachedPrompt:
    """By name it is the living one. Raises CachedPromptNotFoundError."""
    rows = CachedPrompt.objects.of_project(project_id).select_related("served_model")
    if is_living:
        rows = rows.living()
    public_id = _id_of(name_or_id)
    found = (
        rows.filter(public_id=public_id).first()
        if public_id
        else rows.living().filter(name=name_or_id).first()
    )
    if found is None:
        raise CachedPromptNotFoundError(
            gettext(
                "This project has no cached prompt %(name_or_id)s. It may have ended;"
                " GET /v1/cached_prompts lists those that live."
            )
            % {"name_or_id": name_or_id[:120]}
        )
    return found


def _id_of(text: str) -> UUID | None:
    """None: it is a name."""
    try:
        return UUID(hex=text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None
    except ValueError:
        return None
