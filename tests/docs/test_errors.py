"""docs/errors.md and metering/proxy/errors.py are the same table."""

from metering.proxy import errors
from metering.proxy.errors import Refusal
from tests.docs.documents import tables_of


def _refusals() -> list[Refusal]:
    return [one for one in vars(errors).values() if isinstance(one, Refusal)]


def test_the_document_is_the_table_of_the_code():
    documented = [
        (code.strip("`"), int(status), kind.strip("`"))
        for code, status, kind, *_ in tables_of("docs/errors.md")
    ]
    assert documented == [(one.code, one.status.value, one.type) for one in _refusals()]
    assert len(documented) > 25


def test_every_row_says_what_to_do():
    for row in tables_of("docs/errors.md"):
        assert len(row) == 5, row
        assert all(cell.endswith((".", "it.")) for cell in row[3:]), row


def test_no_code_has_two_meanings():
    codes = [one.code for one in _refusals()]
    assert len(codes) == len(set(codes))
