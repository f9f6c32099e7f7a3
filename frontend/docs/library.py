"""The guides: documents of the repository that whoever calls the API should read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from django.conf import settings
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from frontend.docs.markup import Rendered, render
from frontend.docs.reader import Reader
from frontend.templatetags.interface import copy_button

_COPY = re.compile(r"<!--copy:(block-\d+)-->")


@dataclass(frozen=True, kw_only=True)
class Guide:
    slug: str
    file: str
    """In `docs/`."""
    title: str | Promise
    lead: str | Promise


_GUIDES = (
    Guide(
        slug="calls",
        file="api.md",
        title=_("Calls in depth"),
        lead=_("Clients, costs, repeats, kept answers, leases and cached prompts."),
    ),
    Guide(
        slug="caching",
        file="kv.md",
        title=_("Caching"),
        lead=_("What it costs to be remembered, and what it saves."),
    ),
    Guide(
        slug="limits",
        file="limits.md",
        title=_("Limits"),
        lead=_("How much may be used, and what happens beyond."),
    ),
    Guide(
        slug="errors",
        file="errors.md",
        title=_("Errors"),
        lead=_("Each code, what it means and what to do."),
    ),
    Guide(
        slug="webhooks",
        file="webhooks.md",
        title=_("Webhooks"),
        lead=_("Being told what happens, and being sure that it was us."),
    ),
    Guide(
        slug="receipts",
        file="receipts.md",
        title=_("Receipts"),
        lead=_("Check what you are billed for, call by call."),
    ),
    Guide(
        slug="billing",
        file="billing.md",
        title=_("From a call to an invoice"),
        lead=_("What is charged when, and where it is rounded."),
    ),
)
GUIDES: Mapping[str, Guide] = MappingProxyType({one.slug: one for one in _GUIDES})
_SLUG_OF_FILE = {one.file: one.slug for one in _GUIDES}


@cache
def read_guide(slug: str) -> Rendered:
    """Read once: documents do not change while the server runs."""
    text = (settings.DOCS_FOLDER / GUIDES[slug].file).read_text()
    return render(text, _leads)


def _leads(link: str) -> str | None:
    """To another guide; documents for operators are not in the portal."""
    file, _hash, anchor = link.partition("#")
    if not file:
        return link
    slug = _SLUG_OF_FILE.get(file)
    if slug is None:
        return None
    address = reverse("frontend:guide", args=[slug])
    return f"{address}#{anchor}" if anchor else address


def html_of(slug: str, reader: Reader) -> SafeString:
    """Safe: the parser takes no HTML, and what is filled in are addresses of ours and a
    key's first characters.
    """
    filled = reader.fill(read_guide(slug).html)
    for file, other in _SLUG_OF_FILE.items():
        filled = filled.replace(f">{file}</a>", f">{GUIDES[other].title}</a>")
    with_buttons = _COPY.sub(lambda one: copy_button(f"#{one[1]}"), filled)
    return mark_safe(with_buttons)  # noqa: S308  see above
