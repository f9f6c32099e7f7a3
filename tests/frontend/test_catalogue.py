"""The catalogues say everything that the code says, and nothing else."""

import re

import pytest
from django.conf import settings

from tests.frontend.catalogue import (
    DOMAINS,
    compiled,
    read_catalogue,
    texts_of_code,
)

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
BOTH = pytest.mark.parametrize(
    ("language", "domain"),
    [(language, domain) for language in LANGUAGES for domain in DOMAINS],
)
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]|%%|\{\w+\}")
TAG = re.compile(r"</?(\w+)")


@BOTH
def test_every_text_of_the_code_is_in_it(language, domain):
    known = {entry.text for entry in read_catalogue(language, domain)}
    found = texts_of_code(domain)
    assert len(found) > 50
    assert found - known == set(), "run makemessages (docs/translating.md)"
    assert known - found == set(), "run makemessages (docs/translating.md)"


@BOTH
def test_every_text_is_translated(language, domain):
    for entry in read_catalogue(language, domain):
        assert not entry.is_fuzzy, entry
        assert len(entry.translations) == (2 if entry.plural else 1), entry
        assert all(entry.translations), entry


@BOTH
def test_placeholders_and_tags_are_those_of_the_text(language, domain):
    for entry in read_catalogue(language, domain):
        meant = entry.plural or entry.text[1]
        said = entry.translations[-1]
        for pattern in (PLACEHOLDER, TAG):
            found = sorted(pattern.findall(said))
            assert found == sorted(pattern.findall(meant)), entry
        # The spaces around a text are the page's.
        assert said == said.strip(), entry


@BOTH
def test_it_is_compiled(language, domain):
    texts = compiled(language, domain)
    entries = read_catalogue(language, domain)
    assert len(texts._catalog) == sum(len(one.translations) for one in entries) + 1  # type: ignore[attr-defined]
    for entry in entries:
        context, text = entry.text
        for number, said in zip((1, 2), entry.translations, strict=False):
            if entry.plural:
                assert texts.ngettext(text, entry.plural, number) == said
            else:
                found = (
                    texts.pgettext(context, text) if context else texts.gettext(text)
                )
                assert found == said
