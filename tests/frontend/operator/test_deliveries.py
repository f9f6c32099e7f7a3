import pytest

from billing.models.document_mails import DocumentMail
from billing.models.webhooks import WebhookMessage
from billing.services.invoices.send_document_mails import send_document_mails
from billing.services.webhooks.ping_webhook import ping_webhook
from frontend.operator import deliveries
from tenants.audit_models import AuditEntry
from tenants.domain.mail_kinds import MailKind
from tenants.mail_models import SentMail
from tenants.services.send_mail import send_mail
from tests.billing.webhooks import make_endpoint
from tests.frontend.believable_invoices import make_credit_note

MAILS = "/operator/deliveries/"
WEBHOOKS = "/operator/deliveries/webhooks/"


def send(to, **fields):
    fields = {"kind": MailKind.BUDGET, "subject": "s", "text": "t", **fields}
    send_mail(to=[to], **fields)


def rows(people, address):
    response = people.client("staff").get(address)
    assert response.status_code == 200
    return response.context["page"].rows


@pytest.fixture
def document_mail(people, version, now, mailoutbox):
    """An invoice's, sent."""
    make_credit_note(people.tenant, version, now)
    send_document_mails(now=now)
    assert mailoutbox
    return DocumentMail.objects.filter(invoice__isnull=False).earliest("pk")


@pytest.fixture
def message(people, now):
    return ping_webhook(make_endpoint(people.tenant), now=now)


@pytest.mark.usefixtures("document_mail")
def test_it_works(people):
    found = rows(people, f"{MAILS}?tenant={people.tenant.pk}&kind=invoice")
    assert [mail.recipient for mail in found] == ["olga@acme.example"]
    page = people.client("staff").get(MAILS).content.decode()
    assert "Acme" in page
    assert "Send again" in page


def test_mails_are_filtered(people):
    send("one@x.example", tenant_id=people.tenant.pk)
    send("two@x.example", kind=MailKind.OPERATOR)
    SentMail.objects.create(kind="budget", recipient="three@x.example", error="Refused")
    for query, expected in {
        "q=one%40x": ["one@x.example"],
        "q=x.example&kind=operator": ["two@x.example"],
        "q=x.example&state=failed": ["three@x.example"],
        f"q=x.example&tenant={people.tenant.pk}": ["one@x.example"],
        "q=x.example&kind=odd&tenant=odd&state=odd": [
            "three@x.example",
            "two@x.example",
            "one@x.example",
        ],
    }.items():
        found = rows(people, f"{MAILS}?{query}")
        assert [mail.recipient for mail in found] == expected


def test_pages_go_on_where_the_last_ended(people, monkeypatch):
    monkeypatch.setattr(deliveries, "PAGE_ROWS", 2)
    for number in range(3):
        send(f"{number}@pages.example")
    staff = people.client("staff")
    first = staff.get(f"{MAILS}?q=pages.example").context
    second = staff.get(f"{MAILS}?{first['query']}&before={first['page'].next_before}")
    assert [mail.recipient for mail in second.context["page"].rows] == [
        "0@pages.example"
    ]
    assert second.context["page"].next_before is None


@pytest.mark.parametrize("path", [MAILS, WEBHOOKS])
@pytest.mark.parametrize("before", ["x", "-1", "9" * 30])
def test_it_refuses_a_place_that_no_page_linked_to(people, path, before):
    assert people.client("staff").get(f"{path}?before={before}").status_code == 404


def test_a_document_is_sent_again(people, document_mail, now, mailoutbox):
    logged = SentMail.objects.get(about=f"document:{document_mail.pk}")
    before = len(mailoutbox)
    people.client("staff").post(f"{MAILS}mails/{logged.pk}/resend/")
    send_document_mails(now=now.replace(year=now.year + 1))
    assert len(mailoutbox) == before + 1
    assert mailoutbox[-1].attachments
    entry = AuditEntry.objects.get(action="staff.mail_sent_again")
    assert (entry.tenant, entry.actor_kind) == (people.tenant, "staff")


@pytest.mark.parametrize("about", ["", "document:", "document:999999", "invoice:1"])
def test_it_refuses_to_send_again_what_it_cannot_make(people, about, mailoutbox):
    send("one@x.example", about=about)
    mail = SentMail.objects.get(recipient="one@x.example")
    answer = people.client("staff").post(f"{MAILS}mails/{mail.pk}/resend/", follow=True)
    assert "cannot be made again" in answer.content.decode()
    assert len(mailoutbox) == 1


def test_messages_of_all_tenants_are_listed_and_filtered(people, message, now):
    other = make_endpoint(people.strangers_tenant, url="https://other.example/")
    ping_webhook(other, now=now)
    names = {row.tenant.name for row in rows(people, WEBHOOKS)}
    assert names == {"Acme", "Other"}
    WebhookMessage.objects.filter(pk=message.pk).update(
        failed_at=now, next_try_at=None, attempts=9
    )
    for query, expected in {
        "state=given_up": ["Acme"],
        "state=waiting": ["Other"],
        "state=failing": [],
        "q=other.example": ["Other"],
        "q=Acme": ["Acme"],
        f"tenant={people.tenant.pk}": ["Acme"],
        f"endpoint={other.public_id}": ["Other"],
    }.items():
        found = rows(people, f"{WEBHOOKS}?{query}")
        assert [row.tenant.name for row in found] == expected


def test_staff_replay_a_message_and_see_its_tries_but_not_its_body(
    people, message, now
):
    WebhookMessage.objects.filter(pk=message.pk).update(
        failed_at=now, next_try_at=None, attempts=9
    )
    address = f"{WEBHOOKS}{message.message_id}/"
    page = people.client("staff").get(address).content.decode()
    assert "given up" in page
    assert message.payload not in page
    people.client("staff").post(f"{address}replay/")
    message.refresh_from_db()
    assert (message.attempts, message.failed_at) == (0, None)
    assert AuditEntry.objects.filter(action="staff.webhook_replayed").exists()


@pytest.mark.parametrize("name", ["owner", "stranger"])
def test_it_refuses_whoever_is_not_staff(people, message, name):
    send("one@x.example", tenant_id=people.tenant.pk)
    mail = SentMail.objects.get(recipient="one@x.example")
    client = people.client(name)
    for path in (
        f"{MAILS}mails/{mail.pk}/resend/",
        f"{WEBHOOKS}{message.message_id}/replay/",
    ):
        assert client.post(path).status_code == 403
