"""Tell Tokenfab of an engine beside those it was started with, and of its model."""

import re
from datetime import datetime

from django.db import transaction

from inference.domain.engine_address import InvalidAddressError, parse
from inference.errors import InvalidEngineError, InvalidServedModelError
from inference.models import Engine, ServedModel
from inference.services.register_engine import register_engine
from inference.services.register_served_model import register_served_model
from inference.wire import Task

_NAME = re.compile(r"[-a-zA-Z0-9_]{1,100}")


@transaction.atomic
def register_further_engine(
    *,
    address: str,
    model_name: str,
    task: Task | None = None,
    context_tokens: int | None = None,
    title: str = "",
    tokenizer_folder: str | None = None,
    engine_name: str = "",
    is_simulator: bool = False,
    now: datetime,
) -> Engine:
    """An engine of `model_name` at `address`. What is not given of a known model stays;
    a new one needs its task and its context. Safe to repeat.

    Raises InvalidServedModelError and InvalidEngineError; for an engine that works for
    another model, too.
    """
    known = ServedModel.objects.filter(name=model_name).first()
    task = task or (Task(known.task) if known else None)
    context_tokens = context_tokens or (known.context_tokens if known else None)
    if task is None or context_tokens is None:
        raise InvalidServedModelError(
            f"{model_name!r} is new: its task and its context are needed."
        )
    if known and task != known.task:
        raise InvalidServedModelError(
            f"{model_name!r} is known to {known.task}, and is priced and billed so: "
            f"what can {task} needs another name."
        )
    _check_is_free(address, engine_name, model_name)
    model = register_served_model(
        name=model_name,
        title=title or (known.title if known else model_name),
        context_tokens=context_tokens,
        is_default=known.is_default if known else False,
        task=task,
        tokenizer_folder=tokenizer_folder
        or (known.tokenizer_folder if known else None),
        now=now,
    )
    return register_engine(
        served_model=model,
        address=address,
        name=engine_name,
        is_simulator=is_simulator,
    )


def _check_is_free(address: str, engine_name: str, model_name: str) -> None:
    """By a slip an engine that serves would be taken from its model."""
    try:
        where = parse(address)
    except InvalidAddressError as error:
        raise InvalidEngineError(str(error)) from error
    others = Engine.objects.filter(is_draining=False).exclude(
        served_model__name=model_name
    )
    name = engine_name or where.suggested_name
    if not _NAME.fullmatch(name):
        raise InvalidEngineError(
            f"{name!r}: an engine's name has 1 to 100 letters, digits, - and _."
        )
    for other in others.filter(address=where.text) | others.filter(name=name):
        raise InvalidEngineError(
            f"The engine {other.name} at {other.address} serves "
            f"{other.served_model.name}. Drain it first, or choose another name."
        )
