"""Give a drained engine work again."""

from django.db import transaction

from inference.errors import EngineNotFoundError
from inference.models import Engine
from inference.services.publish_routes import publish_routes
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def resume_engine(*, engine_id: int) -> bool:
    """Whether it was draining; resuming twice is harmless.

    Raises EngineNotFoundError.
    """
    drained = Engine.objects.filter(pk=engine_id, is_draining=True)
    if not drained.update(is_draining=False):
        if not Engine.objects.filter(pk=engine_id).exists():
            raise EngineNotFoundError(f"There is no engine {engine_id}.")
        return False
    engine = Engine.objects.get(pk=engine_id)
    note_staff_act("engine.resumed", about=engine, words=engine.name)
    transaction.on_commit(publish_routes, robust=True)
    return True
