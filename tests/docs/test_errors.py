"""docs/errors.md has the tables of the proxies and of the control plane."""

import re

from billing.api.refusals import REFUSALS
from inference.errors import CachedPromptError
from metering.proxy import errors
from metering.proxy.errors import Refusal
from tests.architecture.sources import text_of
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


def test_it_speaks_to_callers_alone():
    """The portal shows it to whoever calls the API, who has no files of ours."""
    ours = r"\w+\.py\b|\btests?\b|\bmanage\.py|Operator:|Valkey|README|snapshot|journal"
    assert re.findall(ours, text_of("docs/errors.md")) == []


def test_what_operators_do_about_it_is_told_them():
    """Of each refusal that only they can end."""
    told = text_of("docs/operations.md")
    ended_by_waiting = {"overloaded", "engine_answer_invalid"}
    codes = {one.code for one in _refusals() if one.type == "server_error"}
    assert {one for one in codes - ended_by_waiting if f"`{one}`" not in told} == set()


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
