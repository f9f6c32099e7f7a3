"""Tell the data plane which engines answer for which model."""

from django.db.models import Case, Prefetch, Value, When

from inference.models import Engine, EngineState, ServedModel
from inference.wire import SNAPSHOT_KIND, EngineAddress, Route, Task
from tenants.services.publish_snapshot import publish_snapshot


def publish_routes() -> int:
    return publish_snapshot(SNAPSHOT_KIND, read_routes)


def read_routes() -> list[Route]:
    """One route per model that has an engine, drained ones included: then its calls are
    told to wait. A model whose engines all moved on is unknown to callers.

    An engine's state leaves nothing out, since the proxy probes engines itself and more
    often; an engine that has just started is usable at once. It decides the order only.
    """
    ready_first = Case(When(state=EngineState.READY, then=Value(0)), default=Value(1))
    models = (
        ServedModel.objects.filter(engines__isnull=False)
        .distinct()
        .order_by("id")
        .prefetch_related(
            Prefetch("engines", Engine.objects.order_by(ready_first, "id"))
        )
    )
    return [_route(model) for model in models]


def _route(model: ServedModel) -> Route:
    return Route(
        model=model.name,
        is_default=model.is_default,
        context_tokens=model.context_tokens,
        created_at=int(model.created_at.timestamp()),
        engines=tuple(
            EngineAddress(engine_id=row.pk, name=row.name, address=row.address)
            for row in model.engines.all()
            if not row.is_draining
        ),
        task=Task(model.task),
        tokenizer_folder=model.tokenizer_folder,
    )
