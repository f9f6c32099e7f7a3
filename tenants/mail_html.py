"""A mail's text as HTML by one template, so that both say the same."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import get_language, get_language_info

_ADDRESS = re.compile(r"https?://\S+")
_PREHEADER_CHARACTERS_MAX = 140
_SIGNATURE = "\n-- \n"


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    kind: str
    """`text`, `link`, `shown` (what stands out, such as a code) or `list`."""
    text: str
    lines: tuple[str, ...] = ()


def html_of(subject: str, text: str) -> str:
    paragraphs = paragraphs_of(text)
    language = get_language() or settings.LANGUAGE_CODE
    context = {
        "subject": subject,
        "preheader": _preheader(paragraphs),
        "paragraphs": paragraphs,
        "language": language,
        "direction": "rtl" if get_language_info(language)["bidi"] else "ltr",
        "portal_url": settings.PORTAL_URL,
    }
    return render_to_string("mail/letter.html", context)


def paragraphs_of(text: str) -> list[Paragraph]:
    """By empty lines. An address at a paragraph's end becomes one of its own."""
    text = text.partition(_SIGNATURE)[0].replace("\r\n", "\n").strip("\n")
    blocks = re.split(r"\n\s*\n", text)
    return [one for block in blocks for one in _read(block)]


def _read(block: str) -> list[Paragraph]:
    stripped = block.strip()
    if not stripped:
        return []
    if _ADDRESS.fullmatch(stripped):
        return [Paragraph(kind="link", text=stripped)]
    lines = tuple(line.strip() for line in block.strip("\n").split("\n"))
    if all(line.startswith("- ") for line in lines):
        items = tuple(line.removeprefix("- ") for line in lines)
        return [Paragraph(kind="list", text=stripped, lines=items)]
    if block.startswith("    "):
        return [Paragraph(kind="shown", text=stripped)]
    if _ADDRESS.fullmatch(lines[-1]):
        above = Paragraph(kind="text", text=" ".join(lines[:-1]))
        return [above, Paragraph(kind="link", text=lines[-1])]
    return [Paragraph(kind="text", text=" ".join(lines))]


def _preheader(paragraphs: list[Paragraph]) -> str:
    """What a list of mails shows beside the subject."""
    found = (one.text for one in paragraphs if one.kind == "text")
    return next(found, "")[:_PREHEADER_CHARACTERS_MAX]
