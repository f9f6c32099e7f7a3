"""Tables as files: CSV, JSON lines or Parquet, written while they are read."""

import csv
import enum
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import IO

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

Value = str | int | bool | datetime | Decimal | None
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_BATCH_ROWS = 5_000
_CHUNK_BYTES = 64 * 1024
_DECIMAL_DIGITS, _DECIMAL_PLACES = 38, 9
"""Nanos are the ninth place."""


class FileFormat(enum.StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


MEDIA_TYPES = {
    FileFormat.CSV: "text/csv",
    FileFormat.JSONL: "application/jsonl",
    FileFormat.PARQUET: "application/vnd.apache.parquet",
}


class Kind(enum.Enum):
    TEXT = enum.auto()
    INTEGER = enum.auto()
    BOOLEAN = enum.auto()
    TIME = enum.auto()
    """UTC, to the microsecond."""
    DECIMAL = enum.auto()
    """Nine places; in JSON a text, since a number would be read as a float."""


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, kw_only=True)
class Table:
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]
    """Read once; each as long as `columns`."""


def write_table(table: Table, file_format: FileFormat) -> Iterator[bytes]:
    """The file in pieces. No more than some thousand rows are in memory at once; of
    Parquet, whose end says where all of it lies, the file is made on disk first.
    """
    match file_format:
        case FileFormat.CSV:
            return _csv(table)
        case FileFormat.JSONL:
            return _json_lines(table)
        case FileFormat.PARQUET:
            return _parquet(table)


def safe_text(text: str) -> str:
    """What a spreadsheet would run as a formula is marked as text: names come from
    people, and somebody else opens the file.
    """
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(table: Table) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in table.columns])
    for row in table.rows:
        if buffer.tell() > _CHUNK_BYTES:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
        writer.writerow([_cell(value) for value in row])
    yield buffer.getvalue().encode()


def _cell(value: Value) -> Value:
    return safe_text(value) if isinstance(value, str) else _plain(value)


def _plain(value: Value) -> Value:
    """As JSON and CSV say it."""
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Decimal():
            return f"{value:f}"
        case _:
            return value


def _json_lines(table: Table) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    names = [column.name for column in table.columns]
    rows = iter(table.rows)
    while batch := list(islice(rows, _BATCH_ROWS // 10)):
        yield encoder.encode_lines(
            {n: _plain(value) for n, value in zip(names, row, strict=True)}
            for row in batch
        )


def _parquet(table: Table) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        _write_parquet(table, file)
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _write_parquet(table: Table, file: IO[bytes]) -> None:
    types = [_arrow_type(column.kind) for column in table.columns]
    fields = zip(table.columns, types, strict=True)
    schema = Schema([Field(column.name, kind) for column, kind in fields])
    batches = _batches(table, types, schema)
    reader = RecordBatchReader.from_batches(schema, batches)
    write_parquet(
        reader, file, compression="zstd(3)", max_row_group_size=10 * _BATCH_ROWS
    )


def _batches(
    table: Table, types: Sequence[DataType], schema: Schema
) -> Iterator[RecordBatch]:
    rows = iter(table.rows)
    while batch := list(islice(rows, _BATCH_ROWS)):
        arrays = [
            _array(values, column.kind, wanted)
            for values, column, wanted in zip(
                zip(*batch, strict=True), table.columns, types, strict=True
            )
        ]
        yield RecordBatch.from_arrays(arrays, schema=schema)


def _arrow_type(kind: Kind) -> DataType:
    return {
        Kind.TEXT: DataType.utf8(),
        Kind.INTEGER: DataType.int64(),
        Kind.BOOLEAN: DataType.bool(),
        Kind.TIME: DataType.timestamp("us", tz="UTC"),
        Kind.DECIMAL: DataType.decimal128(_DECIMAL_DIGITS, _DECIMAL_PLACES),
    }[kind]


def _array(values: Sequence[Value], kind: Kind, wanted: DataType) -> Array:
    if kind is Kind.TIME:
        whole = [_microseconds(value) for value in values]
        return Array(whole, DataType.int64()).cast(wanted)
    if kind is Kind.DECIMAL:
        texts = [None if value is None else f"{value:f}" for value in values]
        return Array(texts, DataType.utf8()).cast(wanted)
    return Array(values, wanted)


def _microseconds(value: Value) -> int | None:
    if not isinstance(value, datetime):
        return None
    return int(value.timestamp()) * 1_000_000 + value.microsecond
