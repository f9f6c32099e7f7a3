"""Give a drained engine work again."""

from django.db import transaction

from inference.errors import EngineNotFoundError
from inference.models import Engine
from inference.services.publish_routes import publish_routes


@transaction.atomic
def resume_engine(*, engine_id: int) -> None:
    """Resuming twice is harmless. Raises EngineNotFoundError."""
    if not Engine.objects.filter(pk=engine_id).update(is_draining=False):
        raise EngineNotFoundError(f"There is no engine {engine_id}.")
    transaction.on_commit(publish_routes, robust=True)
