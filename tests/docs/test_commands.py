"""Commands that the documents name exist; those that exist are named somewhere."""

import re

from django.core.management import get_commands

from tests.architecture.sources import APPS, REPOSITORY, text_of
from tests.docs.documents import documents

_MAKE = re.compile(r"(?:`|^ {4,})(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]+)", re.MULTILINE)
_MANAGE = re.compile(r"manage\.py ([a-z_]+)")
_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|txt|in|lua|html|toml))`")
_ROOTS = (".", "metering", "metering/proxy")
"""Where the documents that are not in a package start from."""


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))


def _named(pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """What the documents name -> where."""
    found: dict[str, list[str]] = {}
    for name in documents():
        for one in pattern.findall(text_of(name)):
            found.setdefault(one, []).append(name)
    return found


def test_every_make_target_exists():
    named = _named(_MAKE)
    assert {one: where for one, where in named.items() if one not in _targets()} == {}
    assert {"up", "test"} <= named.keys()


def test_every_management_command_exists():
    named = _named(_MANAGE)
    there = get_commands()
    assert {one: where for one, where in named.items() if one not in there} == {}
    assert "open_tenant" in named


def test_every_command_of_ours_is_documented():
    ours = {
        command
        for command, app in get_commands().items()
        if app.partition(".")[0] in APPS
    }
    words = " ".join(text_of(name) for name in documents())
    assert {command for command in ours if command not in words} == set()


def test_help_lists_every_target():
    described = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE))
    assert described == _targets()


def test_every_file_that_a_document_names_exists():
    missing = {}
    for name in documents():
        folder = (REPOSITORY / name).parent
        for path in _FILE.findall(text_of(name)):
            places = [folder, *(REPOSITORY / root for root in _ROOTS)]
            if not any((place / path).exists() for place in places):
                missing[path] = name
    assert missing == {}
