"""Make the engines that this installation was started with the ones that serve."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from inference.models import Engine, ServedModel
from inference.services.publish_routes import publish_routes
from inference.services.register_engine import register_engine
from inference.services.register_served_model import register_served_model
from inference.wire import Task

_TITLES = {"smollm2-135m-instruct": "SmolLM2 135M Instruct"}


@transaction.atomic
def register_default_engines(
    *,
    model_name: str,
    addresses: Sequence[str],
    context_tokens: int,
    engine_name: str = "",
    is_simulator: bool = False,
    tokenizer_folder: str | None = None,
    now: datetime,
) -> list[Engine]:
    """The default model with an engine at each of `addresses`. Other engines of it, and
    of the default model before, are drained: whoever started them no longer gives them.
    Engines of further models are registered by themselves and stay.

    Without a `tokenizer_folder` the one known stays, but for the simulator, which has a
    tokenizer of its own.

    `engine_name` names the engine if there is one; several are named after their
    addresses. Raises InvalidServedModelError and InvalidEngineError.
    """
    known = ServedModel.objects.filter(name=model_name).first()
    former = ServedModel.objects.filter(is_default=True).first()
    if known and not tokenizer_folder and not is_simulator:
        tokenizer_folder = known.tokenizer_folder
    model = register_served_model(
        name=model_name,
        title=known.title if known else _TITLES.get(model_name, model_name),
        context_tokens=context_tokens,
        is_default=True,
        task=Task(known.task) if known else Task.GENERATE,
        tokenizer_folder=tokenizer_folder,
        now=now,
    )
    engines = [
        register_engine(
            served_model=model,
            address=address,
            name=engine_name if len(addresses) == 1 else "",
            is_simulator=is_simulator,
        )
        for address in addresses
    ]
    given = [engine.pk for engine in engines]
    Engine.objects.filter(served_model__in={former or model, model}).exclude(
        pk__in=given
    ).update(is_draining=True)
    transaction.on_commit(publish_routes, robust=True)
    return engines
