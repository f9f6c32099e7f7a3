"""The documentation: quick start, guides, endpoints, search. For anybody; whoever is
signed in finds the own key's first characters in the samples.
"""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from frontend.access import find_access
from frontend.docs import library, model_api
from frontend.docs.reader import Reader, anybody, read_reader
from frontend.docs.search import QUESTION_CHARACTERS_MAX, search

_CACHED_SECONDS = 300
_OUTLINED = 2
"""The level of the headings that are listed at the top of a guide."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the side menu."""

    title: str | Promise
    address: str


@dataclass(frozen=True, kw_only=True)
class Chapter:
    title: str | Promise
    entries: list[Entry]


def _chapters() -> list[Chapter]:
    begin = [Entry(title=_("Quick start"), address=reverse("frontend:docs"))]
    guides = [
        Entry(title=one.title, address=reverse("frontend:guide", args=[one.slug]))
        for one in library.GUIDES.values()
    ]
    endpoints = [
        Entry(title=one.title, address=reverse("frontend:endpoint", args=[one.slug]))
        for one in model_api.read_endpoints()
    ]
    management = Entry(title=_("Management API"), address=reverse("frontend:api_docs"))
    return [
        Chapter(title=_("Begin"), entries=begin),
        Chapter(title=_("Guides"), entries=guides),
        Chapter(title=_("Endpoints"), entries=[*endpoints, management]),
    ]


def _reader(request: HttpRequest) -> Reader:
    return read_reader(find_access(request))


def docs_page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """With the side menu, and what comes before and after in it."""
    chapters = _chapters()
    entries = [entry for chapter in chapters for entry in chapter.entries]
    here = next(
        (at for at, one in enumerate(entries) if one.address == request.path), None
    )
    context |= {"chapters": chapters, "question_max": QUESTION_CHARACTERS_MAX}
    if here is not None:
        context["before"] = entries[here - 1] if here else None
        context["after"] = entries[here + 1] if here + 1 < len(entries) else None
    return render(request, f"frontend/docs/{name}.html", context)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The quick start."""
    reader = _reader(request)
    guides = library.GUIDES.values()
    return docs_page(request, "docs", {"secret": reader.key, "guides": guides})


@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    found = library.GUIDES.get(slug)
    if found is None:
        raise Http404
    context = {
        "guide": found,
        "html": library.html_of(slug, _reader(request)),
        "outline": [
            one for one in library.read_guide(slug).sections if one.level == _OUTLINED
        ],
    }
    return docs_page(request, "docs_guide", context)


@require_safe
def endpoint(request: HttpRequest, slug: str) -> HttpResponse:
    topic = model_api.find_endpoint(slug)
    if topic is None:
        raise Http404
    reader = _reader(request)
    context = {
        "topic": topic,
        "operations": [model_api.filled(one, reader) for one in topic.operations],
        "has_playground": model_api.has_playground(topic),
    }
    return docs_page(request, "docs_endpoint", context)


@require_safe
def docs_search(request: HttpRequest) -> HttpResponse:
    question = request.GET.get("q", "")[:QUESTION_CHARACTERS_MAX]
    return docs_page(
        request, "docs_search", {"question": question, "found": search(question)}
    )


@require_safe
def model_openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document that the pages of the endpoints are made of."""
    del request
    answer = JsonResponse(model_api.public_document(anybody()))
    answer["Cache-Control"] = f"public, max-age={_CACHED_SECONDS}"
    return answer
