"""Who acts. Known where a call comes in, and asked for where an act is written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ActorKind(StrEnum):
    USER = "user"
    KEY = "key"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True)
class Actor:
    kind: ActorKind
    id: int | None
    """Of the user, the key or the staff token; None: of the system."""
    name: str
    """As it is to be read later: an e-mail address, or what a key's page shows."""
    at: datetime | None = None
    """When, of a history that is written down afterwards; None: now."""


SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, name="Tokenfab")
"""Tasks, commands, and what other systems tell us."""
_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def acting() -> Actor:
    return _actor.get()


def set_actor(actor: Actor) -> None:
    """Until the `act_as` around it ends."""
    _actor.set(actor)


@contextmanager
def act_as(actor: Actor) -> Iterator[None]:
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
