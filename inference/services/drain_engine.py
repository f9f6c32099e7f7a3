"""Give an engine no new work; what it is doing it finishes."""

from django.db import transaction

from inference.errors import EngineNotFoundError
from inference.models import Engine
from inference.services.publish_routes import publish_routes
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def drain_engine(*, engine_id: int, reason: str = "") -> bool:
    """Whether it was given work before; draining twice is harmless. `reason` is for the
    staff log. Raises EngineNotFoundError.
    """
    taken = Engine.objects.filter(pk=engine_id, is_draining=False)
    if not taken.update(is_draining=True):
        if not Engine.objects.filter(pk=engine_id).exists():
            raise EngineNotFoundError(f"There is no engine {engine_id}.")
        return False
    engine = Engine.objects.get(pk=engine_id)
    words = f"{engine.name}: {reason}" if reason else engine.name
    note_staff_act("engine.drained", about=engine, words=words)
    transaction.on_commit(publish_routes, robust=True)
    return True
