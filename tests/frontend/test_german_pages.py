"""Every page in German: no sentence of ours on it is still the English one.

A text that stands on both pages, the English and the German, is data (a name, a code,
an amount) or was forgotten. What has two plain words in a row and is no known data is
taken for forgotten.
"""

import re
from html.parser import HTMLParser

import pytest

from tests.frontend.people import NAMES
from tests.frontend.test_pages import PAGES, fill, rows

__all__ = ["rows"]
SENTENCE = re.compile(r"[A-Za-z]{2,}[,:;]? [a-z]{2,}")
# What the tests call things, and names that are the same in both languages.
DATA = {
    "1 rue de la Paix",
    "1 rue de la Paix, 69001 Lyon, FR",
    "Agreed with you",
    "Isle of Man",
    "Its own",
    "Slow answers",
    "Slow answers: investigating, We look into it.",
    "Sorry for the wait",
    "We look into it.",
    "[Errno 111] Connection refused",
}
# Their text is code, or somebody's own.
QUIET = {"script", "style", "pre", "code", "kbd", "textarea", "title"}
ATTRIBUTES = {"aria-label", "title", "placeholder", "alt", "data-label"}
# The reference is made of the API's own document, guides are written in English, and
# the page of health names tasks as the code does.
ENGLISH = ("/docs/", "/status/json", "/operator/health/")


class Texts(HTMLParser):
    """What a reader is shown or told."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._quiet = 0

    def handle_starttag(self, tag, attrs):
        self._quiet += tag in QUIET
        for name, value in attrs:
            if name in ATTRIBUTES and value:
                self.handle_data(value)

    def handle_endtag(self, tag):
        self._quiet -= tag in QUIET

    def handle_data(self, data):
        text = " ".join(data.split())
        if not self._quiet and SENTENCE.search(text):
            self.found.add(text)


def texts_of(client, path, language) -> set[str]:
    answer = client.get(path, headers={"accept-language": language})
    if "text/html" not in answer.get("Content-Type", "") or answer.streaming:
        return set()
    reader = Texts()
    reader.feed(answer.content.decode())
    return reader.found


@pytest.mark.parametrize("name", ["owner", "staff"])
def test_no_sentence_is_left_in_english(people, rows, name):
    client = people.client(name)
    forgotten: dict[str, str] = {}
    for address, answers in PAGES.items():
        if answers[NAMES.index(name)] not in {200, 410} or address.startswith(ENGLISH):
            continue
        path = fill(address, people, rows)
        german = texts_of(client, path, "de")
        for text in german & texts_of(client, path, "en") - DATA:
            forgotten.setdefault(text, path)
    assert not forgotten, "\n".join(
        f"{path}: {text}" for text, path in forgotten.items()
    )
