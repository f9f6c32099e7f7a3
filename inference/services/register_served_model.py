"""Put a model into the catalogue, or change what it says of it."""

from datetime import datetime

from django.db import connection, transaction

from inference.errors import InvalidServedModelError
from inference.models import ServedModel
from inference.services.publish_routes import publish_routes
from inference.wire import Task

RESERVED_NAME = "default"
"""How callers reach the default model; no model may be called so."""
NAME_CHARACTERS_MAX = 100


@transaction.atomic
def register_served_model(
    *,
    name: str,
    title: str,
    context_tokens: int,
    is_default: bool,
    task: Task = Task.GENERATE,
    tokenizer_folder: str | None = None,
    now: datetime,
) -> ServedModel:
    """The row named `name`, made if needed. A new default takes the old one's place.

    Raises InvalidServedModelError.
    """
    _check(name, context_tokens)
    says = {
        "title": title,
        "context_tokens": context_tokens,
        "is_default": is_default,
        "task": task,
        "tokenizer_folder": tokenizer_folder,
    }
    _lock_registrations()
    if is_default:
        ServedModel.objects.filter(is_default=True).exclude(name=name).update(
            is_default=False
        )
    model, _ = ServedModel.objects.update_or_create(
        name=name, defaults=says, create_defaults={**says, "created_at": now}
    )
    transaction.on_commit(publish_routes, robust=True)
    return model


def _lock_registrations() -> None:
    """Two parallel changes of the default would both find the old one gone."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE inference_servedmodel IN SHARE ROW EXCLUSIVE MODE")


def _check(name: str, context_tokens: int) -> None:
    is_plain = name.isprintable() and " " not in name
    if not name or not is_plain or len(name) > NAME_CHARACTERS_MAX:
        raise InvalidServedModelError(
            f"{name!r}: a model's name has 1 to {NAME_CHARACTERS_MAX} characters and "
            "no spaces."
        )
    if name == RESERVED_NAME:
        raise InvalidServedModelError(
            f"{RESERVED_NAME!r} is how callers reach the default model."
        )
    if context_tokens < 1:
        raise InvalidServedModelError("A context holds at least one token.")
