"""Tell Tokenfab of an engine that runs, or is about to."""

from django.db import connection, transaction

from inference.domain.engine_address import InvalidAddressError, parse
from inference.errors import InvalidEngineError
from inference.models import Engine, EngineState, ServedModel
from inference.services.publish_routes import publish_routes


@transaction.atomic
def register_engine(
    *,
    served_model: ServedModel,
    address: str,
    name: str = "",
    is_simulator: bool = False,
) -> Engine:
    """The engine at `address`, taken back from draining, given work from now on.

    A row with that address is the same engine; else a row with that `name` (derived
    from the address when empty) has moved to it, as a socket does between two starts.
    Raises InvalidEngineError.
    """
    try:
        where = parse(address)
    except InvalidAddressError as error:
        raise InvalidEngineError(str(error)) from error
    _lock_registrations()
    name = name or where.suggested_name
    engine = (
        Engine.objects.filter(address=where.text).first()
        or Engine.objects.filter(name=name).first()
        or Engine(name=name)
    )
    if (engine.address, engine.served_model_id) != (where.text, served_model.pk):
        engine.state = EngineState.STARTING
        engine.checked_at = engine.ready_at = None
    engine.address = where.text
    engine.served_model = served_model
    engine.is_simulator = is_simulator
    engine.is_draining = False
    engine.save()
    transaction.on_commit(publish_routes, robust=True)
    return engine


def _lock_registrations() -> None:
    """Looking a row up and then inserting it is safe: registrations are rare, and they
    wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE inference_engine IN SHARE ROW EXCLUSIVE MODE")
