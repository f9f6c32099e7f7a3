"""docs/errors.md has the tables of the proxies and of the control plane."""

from billing.api.refusals import REFUSALS
from inference.errors import CachedPromptError
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
    ours = [(one.code, one.status.value, one.type) for one in _refusals()]
    theirs = [(one.code, one.status.value, one.type) for one in REFUSALS]
    assert documented == ours + theirs
    assert len(documented) > 40


def test_every_row_says_what_to_do():
    for row in tables_of("docs/errors.md"):
        assert len(row) == 5, row
        assert all(cell.endswith((".", "it.")) for cell in row[3:]), row


def test_no_code_has_two_meanings():
    codes = [one.code for one in _refusals()]
    assert len(codes) == len(set(codes))
    meanings = {one.code: (one.status, one.type) for one in _refusals()}
    for one in REFUSALS:
        assert meanings.get(one.code, (one.status, one.type)) == (one.status, one.type)


def test_every_error_of_a_cached_prompt_has_a_row():
    codes = {one.code for one in REFUSALS}
    pending, found = [CachedPromptError], set()
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        found.add(error.code)
    assert found <= codes
