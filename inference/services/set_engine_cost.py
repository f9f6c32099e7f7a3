"""From when on an engine costs what."""

from datetime import datetime

from django.db import transaction

from inference.cost_models import EngineCost
from inference.errors import InvalidEngineError
from inference.models import Engine
from tenants.domain.currency import checked_currency
from tenants.services.note_staff_act import note_staff_act

GPUS_MAX = 1_024
NANOS_PER_GPU_HOUR_MAX = 10**15


@transaction.atomic
def set_engine_cost(
    engine: Engine,
    *,
    starts_at: datetime,
    gpus: int,
    nanos_per_gpu_hour: int,
    currency: str,
    now: datetime,
) -> EngineCost:
    """It may begin in the past: what is shown of it is worked out anew. Raises
    InvalidEngineError and UnknownCurrencyError.
    """
    if not 0 <= gpus <= GPUS_MAX:
        raise InvalidEngineError(f"An engine has 0 to {GPUS_MAX} GPUs.")
    if not 0 <= nanos_per_gpu_hour <= NANOS_PER_GPU_HOUR_MAX:
        raise InvalidEngineError("What a GPU costs an hour is out of bounds.")
    cost = EngineCost.objects.create(
        engine=engine,
        starts_at=starts_at,
        gpus=gpus,
        nanos_per_gpu_hour=nanos_per_gpu_hour,
        currency=checked_currency(currency),
        created_at=now,
    )
    note_staff_act(
        "engine.cost_set",
        about=engine,
        words=f"{engine.name}: {gpus} GPUs at {nanos_per_gpu_hour} nanos {currency}"
        f" an hour each, from {starts_at:%Y-%m-%d %H:%M} UTC",
    )
    return cost
