"""Search in the documentation: sections and endpoints that have every word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.urls import reverse

from billing.api.v1.openapi import read_document
from frontend.docs.api_document import ApiTopic, read_topics
from frontend.docs.library import GUIDES, read_guide
from frontend.docs.model_api import read_endpoints

QUESTION_CHARACTERS_MAX = 100
_FOUND_MAX = 20
_WORDS_MAX = 8
_AROUND = 90
"""Characters shown on either side of the first word that was found."""
_TITLE_WEIGHT = 8


@dataclass(frozen=True, kw_only=True)
class Entry:
    title: str
    where: str
    """What it is a part of."""
    address: str
    text: str

    @property
    def all_of_it(self) -> str:
        return f"{self.title} {self.where} {self.text}".lower()


@dataclass(frozen=True, kw_only=True)
class Found:
    entry: Entry
    excerpt: list[tuple[str, bool]]
    """Pieces of the text; True: it was asked for."""


def search(question: str) -> list[Found]:
    """Where each word of the question stands, the best first."""
    words = question[:QUESTION_CHARACTERS_MAX].lower().split()[:_WORDS_MAX]
    if not words:
        return []
    ranked = []
    for place, (entry, text) in enumerate(_entries()):
        if all(word in text for word in words):
            ranked.append((-_score(entry, text, words), place, entry))
    ranked.sort(key=lambda one: one[:2])
    return [
        Found(entry=entry, excerpt=_excerpt(entry.text, words))
        for _score_, _place, entry in ranked[:_FOUND_MAX]
    ]


def _score(entry: Entry, text: str, words: list[str]) -> int:
    in_title = sum(word in entry.title.lower() for word in words)
    return _TITLE_WEIGHT * in_title + sum(min(text.count(word), 5) for word in words)


@cache
def _entries() -> tuple[tuple[Entry, str], ...]:
    """With all of each in small letters, which is what is looked at."""
    found = (*_of_guides(), *_of_endpoints(), *_of_management())
    return tuple((one, one.all_of_it) for one in found)


def _of_guides() -> Iterator[Entry]:
    for slug, guide in GUIDES.items():
        address = reverse("frontend:guide", args=[slug])
        for section in read_guide(slug).sections:
            is_all = section.level == 1
            yield Entry(
                title=str(guide.title) if is_all else section.title,
                where=str(guide.lead if is_all else guide.title),
                address=address if is_all else f"{address}#{section.anchor}",
                text=section.text,
            )


def _of_endpoints() -> Iterator[Entry]:
    for topic in read_endpoints():
        yield from _of_topic(topic, reverse("frontend:endpoint", args=[topic.slug]))


def _of_management() -> Iterator[Entry]:
    for topic in read_topics(read_document(), base_url=""):
        yield from _of_topic(topic, reverse("frontend:api_topic", args=[topic.slug]))


def _of_topic(topic: ApiTopic, address: str) -> Iterator[Entry]:
    for one in topic.operations:
        fields = " ".join(f"{field.name} {field.text}" for field in one.body)
        yield Entry(
            title=f"{one.method} {one.path}",
            where=topic.title,
            address=f"{address}#{one.name}",
            text=f"{one.summary}. {fields}".replace("`", ""),
        )


def _excerpt(text: str, words: list[str]) -> list[tuple[str, bool]]:
    lower = text.lower()
    places = [place for word in words if (place := lower.find(word)) >= 0]
    start = max(0, min(places, default=0) - _AROUND)
    shown = text[start : start + 2 * _AROUND + 40]
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    pieces: list[tuple[str, bool]] = [("…", False)] if start else []
    at = 0
    for hit in pattern.finditer(shown):
        pieces += [(shown[at : hit.start()], False), (hit[0], True)]
        at = hit.end()
    return [*pieces, (shown[at:], False)]
