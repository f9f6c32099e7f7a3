"""Give an engine no new work; what it is doing it finishes."""

from django.db import transaction

from inference.errors import EngineNotFoundError
from inference.models import Engine
from inference.services.publish_routes import publish_routes


@transaction.atomic
def drain_engine(*, engine_id: int) -> None:
    """Draining twice is harmless. Raises EngineNotFoundError."""
    if not Engine.objects.filter(pk=engine_id).update(is_draining=True):
        raise EngineNotFoundError(f"There is no engine {engine_id}.")
    transaction.on_commit(publish_routes, robust=True)
