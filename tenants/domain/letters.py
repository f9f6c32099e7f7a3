"""What a mail says, before it is known in which language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Union

Value = Union[str, int, Decimal, datetime, "Text"]
"""A number is written with the language's marks, a time as its day."""


@dataclass(frozen=True)
class Text:
    """English, and what stands at its `%(places)s`; without any, `%` is itself."""

    english: str
    values: Mapping[str, Value]

    def __str__(self) -> str:
        return self.said(str, plain)

    def said(
        self, translate: Callable[[str], str], write: Callable[[Value], str]
    ) -> str:
        values = {
            name: value.said(translate, write)
            if isinstance(value, Text)
            else write(value)
            for name, value in self.values.items()
        }
        said = translate(self.english)
        return said % values if values else said


def plain(value: Value) -> str:
    if isinstance(value, datetime):
        return f"{value:%d %B %Y}"
    return f"{value:,f}" if isinstance(value, Decimal) else str(value)


def gettext_noop(english: str, **values: Value) -> Text:
    """Named as gettext's tools look for it: the catalogues get the text."""
    return Text(english, values)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """Paragraphs: one that is nothing but an address is a link, one that is indented
    stands out, such as a code. What is no `Text` is said as it is.
    """

    subject: Text
    paragraphs: tuple[Text | str, ...]

    def said(
        self, translate: Callable[[str], str], write: Callable[[Value], str]
    ) -> tuple[str, str]:
        """Subject and text."""
        said = (
            one.said(translate, write) if isinstance(one, Text) else one
            for one in self.paragraphs
        )
        return self.subject.said(translate, write), "\n\n".join(said) + "\n"

    @property
    def text(self) -> str:
        """In English."""
        return self.said(str, plain)[1]
