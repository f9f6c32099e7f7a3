"""docs/operations.md names the settings that the code reads, and no others."""

import re

from tests.architecture.sources import product_files, text_of
from tests.docs.documents import documents, tables_of

OPERATIONS = "docs/operations.md"
INTERNAL = {
    "PROXY_INDEX": "the supervisor counts its proxies",
    "PROXY_PORT": "the supervisor follows PORT",
    "ENGINE_PROGRESS_FILE": "the supervisor's own",
    "OPTIONS": "of DATABASES",
    "REMOTE_ADDR": "of a request",
}
"""Read by the code and not an operator's to set -> why."""
_READ = re.compile(
    r"\b(?:value|secret|_value|_text|_seconds|_networks|get)\(\s*\"([A-Z][A-Z0-9_]{3,})\""
)
_NAME = re.compile(r"`([A-Z][A-Z0-9_]{3,})(?:=[^`]*)?`")


def _settings_of_the_code() -> set[str]:
    """Names of the environment; NAME_FILE goes with NAME."""
    return {
        setting.removesuffix("_FILE") if setting != "ENGINE_PROGRESS_FILE" else setting
        for name in product_files()
        for setting in _READ.findall(text_of(name))
    } - INTERNAL.keys()


def _documented() -> set[str]:
    return {
        setting.removesuffix("_FILE")
        for row in tables_of(OPERATIONS)
        for setting in _NAME.findall(row[0])
    } - INTERNAL.keys()


def test_every_documented_setting_is_read():
    code = "\n".join(text_of(name) for name in product_files())
    unread = {name for name in _documented() if f'"{name}' not in code}
    assert unread == set()
    assert len(_documented()) > 10


def test_every_setting_that_is_read_is_documented():
    words = "\n".join(text_of(name) for name in documents())
    missing = {
        name for name in _settings_of_the_code() if not re.search(rf"\b{name}\b", words)
    }
    assert missing == set()
    assert len(_settings_of_the_code()) > 30
