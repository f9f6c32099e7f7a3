"""The documentation within the portal: for anybody, filled for who is signed in."""

import re
from http import HTTPStatus

import pytest
from django.urls import reverse

from frontend.docs.library import GUIDES
from frontend.docs.markup import render
from frontend.docs.model_api import read_document, read_endpoints
from frontend.docs.search import search
from metering.proxy import errors
from metering.proxy.control_plane import _PATHS
from metering.proxy.errors import Refusal
from metering.proxy.lease_routes import PREFIX as LEASES
from metering.proxy.response_routes import PREFIX as RESPONSES
from metering.proxy.transform.endpoints import ENDPOINTS
from tests.factories import make_api_key, make_served_model
from tests.frontend.people import client_of

pytestmark = pytest.mark.django_db
PAGES = [
    "/docs/",
    "/docs/search/",
    *(f"/docs/guides/{slug}/" for slug in GUIDES),
    *(f"/docs/endpoints/{one.slug}/" for one in read_endpoints()),
]
OF_ALL_THAT_GENERATE = {
    "stream", "stream_options", "usage", "kv_retention", "kv_lease", "cached_prompt",
    "store", "background",
}  # fmt: skip
"""That the proxy acts on itself; no engine sees them."""


def text_of(path, client=None):
    response = (client or client_of(None)).get(path)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_it_works(path):
    page = text_of(path)
    assert "<h1>" in page
    assert " style=" not in page
    # Nothing is left to be filled in, no comment of ours, no link to a file.
    assert not re.search(r"@[A-Z]+@|<!--copy|href=\"[^\"]*\.md", page)


def test_samples_have_the_installations_address_and_the_readers_key(people, settings):
    page = text_of("/docs/endpoints/chat-completions/")
    assert "Bearer YOUR_API_KEY" in page
    assert f"{settings.API_URL}/v1/chat/completions" in page
    own = text_of("/docs/endpoints/chat-completions/", people.client("owner"))
    assert f"Bearer {people.api_key.prefix}…" in own
    assert people.strangers_key.prefix not in own
    assert people.api_key.prefix not in text_of("/docs/", people.client("stranger"))


def test_a_key_that_no_longer_works_is_in_no_sample(people, now):
    make_api_key(project=people.project, name="gone", revoked_at=now)
    assert f"{people.api_key.prefix}…" in text_of("/docs/", people.client("owner"))


def test_samples_name_a_model_that_is_there():
    assert "an-embedding-model" in text_of("/docs/endpoints/embeddings/")
    model = make_served_model(name="bge-small")
    model.task = "embed"
    model.save()
    assert "bge-small" in text_of("/docs/endpoints/embeddings/")


@pytest.mark.parametrize("path", ["/docs/guides/tea/", "/docs/endpoints/tea/"])
def test_it_refuses_what_is_not_there(path):
    assert client_of(None).get(path).status_code == HTTPStatus.NOT_FOUND


def test_pages_follow_each_other():
    """From the quick start, by `rel=next`, each page is reached once."""
    path, seen = "/docs/", []
    while path and path != "/docs/api/":
        seen.append(path)
        found = re.search(r'rel="next" href="([^"]+)"', text_of(path))
        path = found[1] if found else ""
    assert sorted(seen) == sorted(one for one in PAGES if one != "/docs/search/")


def test_every_link_within_the_documentation_leads_somewhere():
    pages = {path: text_of(path) for path in PAGES}
    for path, page in pages.items():
        for link in re.findall(r'href="((?:/docs/|#)[^"]*)"', page):
            target, _, anchor = link.partition("#")
            shown = pages.get(target or path) or text_of(target)
            assert not anchor or f'id="{anchor}"' in shown, (path, link)


def test_each_error_can_be_linked_to():
    page = text_of("/docs/guides/errors/")
    for one in vars(errors).values():
        if isinstance(one, Refusal):
            assert page.count(f'<tr id="{one.code}">') == 1


def test_what_a_document_says_cannot_become_markup():
    hostile = "# T\n\n<script>alert(1)</script> [x](javascript:alert(1)) `<b>`\n"
    html = render(hostile, lambda link: link).html
    assert "<script" not in html
    assert "<b>" not in html
    assert 'href="javascript' not in html


def test_the_search_finds_what_has_every_word():
    (first, *_) = search("verify webhook signature")
    assert first.entry.address.startswith("/docs/guides/webhooks/#")
    assert any(is_hit for _, is_hit in first.excerpt)
    addresses = [one.entry.address for one in search("embeddings")]
    assert "/docs/endpoints/embeddings/#create_embeddings" in addresses
    assert search("embeddings xyzzy") == []
    assert search("   ") == []
    page = text_of("/docs/search/?q=spend_limit_reached")
    assert "<mark>spend_limit_reached</mark>" in page
    assert "&lt;script&gt;" in text_of("/docs/search/?q=<script>")


def test_every_route_of_the_data_plane_is_described():
    described = set(read_document()["paths"])
    assert {path.decode() for path in ENDPOINTS} <= described
    others = described - {path.decode() for path in ENDPOINTS}
    patterns = [pattern for pattern, _ in _PATHS]
    for path in others:
        example = re.sub(r"\{\w+\}", "x", path).encode()
        is_known = (
            any(pattern.fullmatch(example) for pattern in patterns)
            or example.startswith((LEASES, RESPONSES))
            or path in {"/v1/models", "/v1/models/{name}"}
        )
        assert is_known, path
    for pattern in patterns:
        examples = [re.sub(r"\{\w+\}", "x", path).encode() for path in described]
        assert any(pattern.fullmatch(one) for one in examples), pattern


@pytest.mark.parametrize("path", [path.decode() for path in ENDPOINTS])
def test_every_field_of_an_endpoint_is_described(path):
    operation = read_document()["paths"][path]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    described = set(schema["properties"]) | set(operation["x-also"])
    of_engine = set(ENDPOINTS[path.encode()].fields)
    assert of_engine <= described
    assert described - of_engine <= OF_ALL_THAT_GENERATE


def test_the_document_is_for_programs_too(client, settings):
    document = client.get(reverse("frontend:model_openapi")).json()
    assert document["servers"] == [{"url": f"{settings.API_URL}/v1"}]
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names)) > 20
    assert "@" not in str(document["paths"]["/v1/kv_quotes"])
