"""The payload of a journal record back into a usage event that the table accepts."""

from typing import Any

import msgspec

from metering.domain.usage import objection
from metering.wire import USAGE_EVENT_SCHEMA, UsageEvent

_decoder = msgspec.json.Decoder(UsageEvent)
_any_decoder = msgspec.json.Decoder()
_UNDECODABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class PoisonedRecordError(Exception):
    """The record is whole but says nothing that could be stored, now or later."""


class NewerSchemaError(Exception):
    """A newer proxy wrote the record; a newer shipper will read it."""


def decode_usage_event(payload: bytes) -> UsageEvent:
    """Raises PoisonedRecordError and NewerSchemaError."""
    try:
        event = _decoder.decode(payload)
    except _UNDECODABLE as error:
        _refuse_newer(_schema_of(payload))
        raise PoisonedRecordError(str(error)) from error
    _refuse_newer(event.schema)
    if reason := objection(event):
        raise PoisonedRecordError(reason)
    return event


def _refuse_newer(schema: int) -> None:
    if schema > USAGE_EVENT_SCHEMA:
        raise NewerSchemaError(f"schema {schema}, we read {USAGE_EVENT_SCHEMA}")


def _schema_of(payload: bytes) -> int:
    """The first item of a JSON array if it is a number, else 0."""
    try:
        fields: Any = _any_decoder.decode(payload)
    except _UNDECODABLE:
        return 0
    if isinstance(fields, list) and fields and isinstance(fields[0], int):
        return fields[0]
    return 0
