"""One question to the engine that holds a lease."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from django.utils.translation import gettext

from inference.domain.lease_row import LeaseRow
from inference.errors import EngineSilentError, LeasesUnavailableError
from inference.models import Engine
from inference.services.ask_engine import ask_engine
from inference.services.lease_client import LeaseClient

_Answer = TypeVar("_Answer")


def ask_holder(
    row: LeaseRow, question: Callable[[LeaseClient], Awaitable[_Answer]]
) -> _Answer:
    """Raises LeasesUnavailableError."""
    addresses = Engine.objects.values_list("address", flat=True)
    address = addresses.filter(pk=row.engine_id).first()
    if address is None:
        raise LeasesUnavailableError(
            gettext("The engine that held this lease is gone.")
        )
    try:
        return ask_engine(address, question)
    except EngineSilentError as error:
        raise LeasesUnavailableError(
            gettext("The engine that holds this lease does not answer. Try again.")
        ) from error
