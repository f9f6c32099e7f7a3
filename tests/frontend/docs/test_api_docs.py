"""The pages of the API say what its OpenAPI document says, to anybody."""

import json
import shlex

import pytest

from billing.api.v1.openapi import read_document
from frontend.docs.api_document import read_topics
from frontend.templatetags.interface import marked

BASE = "https://portal.example"


@pytest.fixture(scope="module")
def topics():
    return read_topics(read_document(), base_url=BASE)


@pytest.fixture(scope="module")
def operations(topics):
    return {one.name: one for topic in topics for one in topic.operations}


@pytest.mark.django_db
def test_it_works(client, topics):
    page = client.get("/docs/api/").content.decode()
    for topic in topics:
        assert f'href="/docs/api/{topic.slug}/"' in page
        shown = client.get(f"/docs/api/{topic.slug}/").content.decode()
        for one in topic.operations:
            assert f'href="/docs/api/{topic.slug}/#{one.name}"' in page
            assert f'id="{one.name}"' in shown
            assert f"</span>{one.path}</a>" in shown
            assert "http://testserver/api/v1/" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain <b>", "plain &lt;b&gt;"),
        ("`a<b` or `c`.", "<code>a&lt;b</code> or <code>c</code>."),
        ("", ""),
    ],
)
def test_names_in_texts_are_marked(text, expected):
    assert marked(text) == expected


@pytest.mark.django_db
def test_it_refuses_a_topic_that_is_not_there(client):
    assert client.get("/docs/api/tea/").status_code == 404


def test_no_operation_is_left_out(operations):
    document = read_document()
    expected = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert {(one.method, one.path) for one in operations.values()} == expected
    assert all(one.statuses for one in operations.values())


def test_fields_are_told_with_what_they_mean(operations):
    body = {one.name: one for one in operations["set_price"].body}
    assert body["model"].is_required
    assert body["effective_from"].kind == "time or null"
    assert body["effective_from"].text == "Null: now."
    assert body["pricings"].kind == "by name: object"
    assert body["pricings.*.steps[].rate_nanos_per_million"].is_required
    assert body["pricings.*.model"].kind == "graduated, package, standard, volume"
    (query,) = [
        one for one in operations["list_prices"].parameters if one.name == "limit"
    ]
    assert (query.place, query.kind) == ("query", "integer, 1 to 100")
    answer = [one.name for one in operations["list_refunds"].answer]
    assert {"data", "data[].amount_cents", "has_more", "next_cursor"} <= set(answer)


def test_each_command_can_be_typed(operations):
    """As a shell reads it, with what must be given."""
    for one in operations.values():
        words = shlex.split(one.curl.replace("\\\n", " "))
        assert words[0] == "curl"
        assert any(word.startswith(f"{BASE}/api/v1/") for word in words)
        headers = [words[i + 1] for i, word in enumerate(words) if word == "-H"]
        assert ("Idempotency-Key: $(uuidgen)" in headers) == (one.method == "POST")
        given = {field.name for field in one.body if field.is_required}
        top = {name for name in given if "." not in name}
        assert bool(one.body) == ("-d" in words)
        if one.body:
            assert set(json.loads(words[words.index("-d") + 1])) == top


def test_what_no_key_may_do_is_shown_with_a_staff_token(operations):
    assert "$TOKENFAB_API_KEY" in operations["show_invoice"].curl
    assert "$TOKENFAB_STAFF_TOKEN" in operations["void_invoice"].curl
    assert '"https://portal.example/api/v1/invoices/$INVOICE_ID/void"' in (
        operations["void_invoice"].curl
    )
