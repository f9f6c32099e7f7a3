"""What engines said a moment ago. However many people look, they are asked once in a
second and a half, and those that are known to be away not at all.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.cache import cache
from redis.exceptions import RedisError

from inference.models import Engine, EngineState
from inference.services.look_at_engines import EngineLook, look_at_engines

FRESH_SECONDS = 1.5
_KEPT_SECONDS = 30
_ASKING_SECONDS_MAX = 3
_KEY = "engine_looks"
_ASKING = "engine_looks:asking"


@dataclass(frozen=True, kw_only=True)
class _Kept:
    at: float
    looks: Mapping[int, EngineLook]


def find_looks() -> Mapping[int, EngineLook]:
    """By engine id; of those that were asked. While somebody else asks, what they said
    before, which may be nothing.
    """
    try:
        kept: _Kept | None = cache.get(_KEY)
        if kept and time.time() - kept.at < FRESH_SECONDS:
            return kept.looks
        if not cache.add(_ASKING, 1, timeout=_ASKING_SECONDS_MAX):
            return kept.looks if kept else {}
        try:
            looks = _ask()
            cache.set(_KEY, _Kept(at=time.time(), looks=looks), timeout=_KEPT_SECONDS)
        finally:
            cache.delete(_ASKING)
    except RedisError:
        return _ask()
    return looks


def _ask() -> Mapping[int, EngineLook]:
    return look_at_engines(
        Engine.objects.exclude(state=EngineState.UNREACHABLE).order_by("pk")
    )
