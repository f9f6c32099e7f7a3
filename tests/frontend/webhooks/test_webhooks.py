"""The pages of webhooks: the secret is shown once, the log shows what was sent."""

import html
import re
import uuid
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from billing.models.webhooks import WebhookEndpoint, WebhookMessage
from billing.services.webhooks.deliver_webhooks import deliver_webhooks
from billing.services.webhooks.ping_webhook import ping_webhook
from billing.services.webhooks.webhook_secret import webhook_secret
from tests.billing.webhook_receiver import start_receiver
from tests.billing.webhooks import URL, make_endpoint


@pytest.fixture
def owner(people):
    return people.client("owner")


@pytest.fixture
def endpoint(people):
    return make_endpoint(people.tenant)


def add(client, **changes):
    form = {"form_id": str(uuid.uuid4()), "url": URL, "description": "books"}
    return client.post("/webhooks/new/", form | changes)


def text_of(response):
    return html.unescape(re.sub(r"\s+", " ", response.content.decode()))


def test_it_works(owner):
    response = add(owner, types=["invoice.issued"])
    endpoint = WebhookEndpoint.objects.get()
    assert webhook_secret(endpoint) in text_of(response)
    assert "no-store" in response["Cache-Control"]
    assert endpoint.types == ["invoice.issued"]
    page = text_of(owner.get("/webhooks/"))
    assert URL in page
    assert "whsec_" not in page


def test_a_second_press_adds_no_second_one(owner):
    form_id = str(uuid.uuid4())
    add(owner, form_id=form_id)
    assert add(owner, form_id=form_id).status_code == 302
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize("url", ["", "http://example.com/", "https://", "nonsense"])
def test_it_refuses_what_is_no_address(owner, url):
    response = add(owner, url=url)
    assert response.status_code == 422
    assert "form-error" in response.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_without_an_endpoint_the_page_says_what_they_are_for(owner):
    assert "No endpoint yet" in text_of(owner.get("/webhooks/"))


def test_it_is_disabled_and_enabled(owner, endpoint):
    path = f"/webhooks/{endpoint.public_id}/change/"
    owner.post(path, {"url": URL})
    endpoint.refresh_from_db()
    assert not endpoint.is_enabled
    assert "Nothing is sent." in text_of(owner.get(f"/webhooks/{endpoint.public_id}/"))
    owner.post(path, {"url": URL, "is_enabled": "on", "types": ["invoice.paid"]})
    endpoint.refresh_from_db()
    assert endpoint.is_enabled
    assert endpoint.types == ["invoice.paid"]


def test_a_new_secret_is_shown_once(owner, endpoint):
    before = webhook_secret(endpoint)
    response = owner.post(f"/webhooks/{endpoint.public_id}/rotate/")
    endpoint.refresh_from_db()
    assert webhook_secret(endpoint) != before
    assert webhook_secret(endpoint) in text_of(response)
    assert "no-store" in response["Cache-Control"]


def test_one_is_removed(owner, endpoint):
    path = f"/webhooks/{endpoint.public_id}/remove/"
    assert owner.post(path, {"name": "elsewhere.example"}).status_code == 422
    assert endpoint.url in text_of(owner.get("/webhooks/"))
    owner.post(path, {"name": urlsplit(endpoint.url).hostname})
    assert URL not in text_of(owner.get("/webhooks/")).partition("Nothing more")[0]
    assert owner.get(f"/webhooks/{endpoint.public_id}/").status_code == 404


def test_the_log_shows_a_message_its_body_and_its_tries(owner, people):
    with start_receiver() as receiver:
        receiver.answer = b"<b>thanks</b>"
        endpoint = make_endpoint(people.tenant, url=receiver.url)
        path = f"/webhooks/{endpoint.public_id}/"
        owner.post(f"{path}ping/")
        assert "on its way" in text_of(owner.get(path))
        assert deliver_webhooks(now=timezone.now()) == 1
    assert "arrived" in text_of(owner.get(path))
    message = WebhookMessage.objects.get()
    page = owner.get(f"{path}messages/{message.message_id}/").content.decode()
    assert "&lt;b&gt;thanks&lt;/b&gt;" in page
    assert str(endpoint.public_id) in page


def test_messages_are_sent_again(owner, endpoint):
    message = ping_webhook(endpoint, now=timezone.now())
    path = f"/webhooks/{endpoint.public_id}/"
    for address, form in (
        (f"{path}messages/{message.message_id}/replay/", {}),
        (f"{path}replay/", {"hours": "24"}),
    ):
        WebhookMessage.objects.update(next_try_at=None, delivered_at=timezone.now())
        assert owner.post(address, form).status_code == 302
        message.refresh_from_db()
        assert message.next_try_at is not None


def test_a_disabled_one_gets_no_test_message(owner, endpoint):
    WebhookEndpoint.objects.update(is_enabled=False, disabled_reason="off")
    response = owner.post(f"/webhooks/{endpoint.public_id}/ping/", follow=True)
    assert "Enable it first" in text_of(response)
    assert not WebhookMessage.objects.exists()


@pytest.mark.parametrize("act", ["change", "rotate", "remove", "ping", "replay"])
def test_a_stranger_changes_nothing(people, endpoint, act):
    stranger = people.client("stranger")
    response = stranger.post(f"/webhooks/{endpoint.public_id}/{act}/", {"hours": "24"})
    assert response.status_code == 404
    before = endpoint.secret_number
    endpoint.refresh_from_db()
    assert (endpoint.secret_number, endpoint.removed_at) == (before, None)


def test_files_are_offered_where_their_rows_are_shown(owner, invoice):
    del invoice
    for page, exports in (
        ("/usage/", ["usage_events"]),
        ("/invoices/", ["invoice_lines", "costs"]),
    ):
        text = owner.get(page).content.decode()
        for export in exports:
            links = re.findall(rf'href="(/api/v1/exports/{export}[^"]+)"', text)
            assert len(links) == 3
            for link in links:
                answer = owner.get(html.unescape(link))
                assert answer.status_code == 200
                content = b"".join(answer.streaming_content)
                # Of JSON lines there may be none.
                assert content or "jsonl" in link
