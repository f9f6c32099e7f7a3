"""The reference of the management API: the OpenAPI document, as pages for anybody."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from billing.api.v1.openapi import read_document
from frontend.docs.api_document import ApiTopic, read_topics
from frontend.docs.views.docs import docs_page


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    context = {"topics": _topics(request)}
    return docs_page(request, "api_docs", context)


@require_safe
def api_topic(request: HttpRequest, slug: str) -> HttpResponse:
    topics = _topics(request)
    topic = next((one for one in topics if one.slug == slug), None)
    if topic is None:
        raise Http404
    context = {"topic": topic, "topics": topics}
    return docs_page(request, "api_topic", context)


def _topics(request: HttpRequest) -> list[ApiTopic]:
    base_url = request.build_absolute_uri("/").rstrip("/")
    return read_topics(read_document(), base_url=base_url)
