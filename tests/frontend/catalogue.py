"""The texts that the code has, and those that a catalogue has, read without gettext's
tools: whoever runs the tests need not have them.
"""

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

from config.environment import REPOSITORY

APPS = ("billing", "config", "frontend", "inference", "metering", "tenants")
DOMAINS = ("django", "djangojs")
_CALLS = {
    "_": 1,
    "gettext": 1,
    "gettext_lazy": 1,
    "gettext_noop": 1,
    "ngettext": 2,
    "ngettext_lazy": 2,
    "pgettext": 2,
    "pgettext_lazy": 2,
}
_TEXT = r"""u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_IN_TEMPLATE = re.compile(rf"\b(_|n?gettext|pgettext)\(\s*{_TEXT}(?:\s*,\s*{_TEXT})?")
_IN_SCRIPT = re.compile(rf"\b(gettext|ngettext)\(\s*{_TEXT}(?:,\s*{_TEXT})?")

Text = tuple[str, str]
"""Context, or empty, and the English text."""


def texts_of_code(domain: str) -> set[Text]:
    find = _of_scripts if domain == "djangojs" else _of_pages
    return {text for app in APPS for text in find(REPOSITORY / app)}


def _of_pages(app: Path) -> Iterator[Text]:
    for path in app.rglob("*.py"):
        yield from _of_python(path.read_text())
    for path in (*app.rglob("*.html"), *app.rglob("templates/**/*.txt")):
        for call, first, second in _IN_TEMPLATE.findall(
            templatize(path.read_text(), origin=str(path))
        ):
            yield _as_text(call, ast.literal_eval(first), second)


def _as_text(call: str, first: str, second: str) -> Text:
    return (first, ast.literal_eval(second)) if call == "pgettext" else ("", first)


def _of_python(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        texts = [
            one.value
            for one in node.args[: _CALLS.get(name, 0)]
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        if not texts:
            continue
        yield (texts[0], texts[1]) if name.startswith("pgettext") else ("", texts[0])


def _of_scripts(app: Path) -> Iterator[Text]:
    for path in app.rglob("static/**/*.js"):
        if "vendor" not in path.parts:
            for _, first, _ in _IN_SCRIPT.findall(path.read_text()):
                yield "", ast.literal_eval(first)


@dataclass(kw_only=True)
class Entry:
    text: Text = ("", "")
    plural: str = ""
    translations: list[str] = field(default_factory=list)
    is_fuzzy: bool = False


_LINE = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[\d\])? (".*")$')


def read_catalogue(language: str, domain: str) -> list[Entry]:
    """Without the head."""
    path = _folder(language) / f"{domain}.po"
    entries = [_read(block) for block in path.read_text().split("\n\n")]
    return [entry for entry in entries if entry.text[1]]


def _read(block: str) -> Entry:
    parts: list[tuple[str, str]] = []
    is_fuzzy = False
    for line in block.splitlines():
        is_fuzzy = is_fuzzy or (line.startswith("#,") and "fuzzy" in line)
        if found := _LINE.match(line):
            parts.append((found[1], ast.literal_eval(found[2])))
        elif line.startswith('"'):
            parts[-1] = (parts[-1][0], parts[-1][1] + ast.literal_eval(line))
    named = dict(parts)
    return Entry(
        text=(named.get("msgctxt", ""), named.get("msgid", "")),
        plural=named.get("msgid_plural", ""),
        translations=[text for name, text in parts if name == "msgstr"],
        is_fuzzy=is_fuzzy,
    )


def compiled(language: str, domain: str) -> gettext.GNUTranslations:
    with (_folder(language) / f"{domain}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def _folder(language: str) -> Path:
    return REPOSITORY / "locale" / language / "LC_MESSAGES"
