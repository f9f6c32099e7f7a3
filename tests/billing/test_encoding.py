"""Tables become files: nothing is lost, and nothing is held in memory."""

import csv
import io
import json
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from arro3.io import read_parquet

from billing.encoding import Column, FileFormat, Kind, Table, write_table

AT = datetime(2026, 11, 3, 9, 30, 0, 123_456, tzinfo=UTC)
COLUMNS = (
    Column("name"),
    Column("count", Kind.INTEGER),
    Column("is_it", Kind.BOOLEAN),
    Column("at", Kind.TIME),
    Column("amount", Kind.DECIMAL),
)
ROWS = (
    ("=SUM(A1)", 2**62, True, AT, Decimal("-0.000000001")),
    ('Zoë, "x"\n', None, False, None, None),
)


def write(file_format, rows=ROWS):
    return b"".join(write_table(Table(columns=COLUMNS, rows=rows), file_format))


def read(content):
    return read_parquet(io.BytesIO(content)).read_all()


def test_csv():
    head, first, second = csv.reader(io.StringIO(write(FileFormat.CSV).decode()))
    assert head == ["name", "count", "is_it", "at", "amount"]
    assert first == [
        "'=SUM(A1)",
        str(2**62),
        "True",
        "2026-11-03T09:30:00.123456Z",
        "-0.000000001",
    ]
    assert second == ['Zoë, "x"\n', "", "False", "", ""]


def test_json_lines():
    first, second = map(json.loads, write(FileFormat.JSONL).splitlines())
    assert first == {
        "name": "=SUM(A1)",
        "count": 2**62,
        "is_it": True,
        "at": "2026-11-03T09:30:00.123456Z",
        "amount": "-0.000000001",
    }
    assert second["count"] is second["at"] is second["amount"] is None


def test_parquet():
    table = read(write(FileFormat.PARQUET))
    columns = {
        name: table.column(name).to_pylist() for name in (one.name for one in COLUMNS)
    }
    assert [row[0] for row in ROWS] == columns["name"]
    assert columns["count"] == [2**62, None]
    assert columns["at"] == [AT, None]
    assert columns["amount"] == [Decimal("-0.000000001"), None]


@pytest.mark.parametrize("file_format", FileFormat)
def test_a_table_without_rows_is_a_file(file_format):
    content = write(file_format, rows=())
    if file_format is FileFormat.PARQUET:
        assert read(content).num_rows == 0
    else:
        assert len(content.splitlines()) == (file_format is FileFormat.CSV)


@pytest.mark.parametrize("file_format", FileFormat)
def test_memory_does_not_grow_with_the_rows(file_format):
    def peak(count):
        rows = (
            ("x" * 20, number, True, AT, Decimal(number)) for number in range(count)
        )
        tracemalloc.start()
        for _ in write_table(Table(columns=COLUMNS, rows=rows), file_format):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)  # what is loaded once
    assert peak(100_000) < 3 * peak(10_000)
