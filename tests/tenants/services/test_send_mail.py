from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail as django_mail
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError
from django.utils import timezone

from tenants.domain.mail_kinds import MailKind, kind_of_account_mail
from tenants.mail_models import MAILS_KEPT_DAYS, SentMail
from tenants.services.forget_mails import forget_mails
from tenants.services.send_mail import send_mail
from tests.architecture.sources import product_files, text_of
from tests.factories import make_tenant
from tests.frontend.people import client_of

TO = "olga@acme.example"


def send(to=(TO,), **fields):
    send_mail(
        **{"kind": MailKind.BUDGET, "to": to, "subject": "s", "text": "t", **fields}
    )


@pytest.fixture
def broken(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


@pytest.mark.django_db
def test_it_works(mailoutbox):
    tenant = make_tenant()
    send(
        to=(TO, "carl@acme.example"),
        tenant_id=tenant.pk,
        about="document:1",
        html="<p>t</p>",
        attachments=[("a.pdf", b"%PDF", "application/pdf")],
        headers={"Message-ID": "<1@x>"},
    )
    sent = mailoutbox[0]
    assert sent.to == [TO, "carl@acme.example"]
    assert sent.alternatives[0].content == "<p>t</p>"
    assert sent.attachments[0].filename == "a.pdf"
    assert sent.extra_headers == {"Message-ID": "<1@x>"}
    rows = SentMail.objects.filter(tenant=tenant).order_by("pk")
    assert [row.recipient for row in rows] == sent.to
    assert {(row.kind, row.about, row.error) for row in rows} == {
        ("budget", "document:1", "")
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("broken")
def test_one_that_fails_is_kept_though_its_act_is_not():
    """By an address of its own: the row outlives the test, in a kept database too."""
    tenants, address = [], f"{uuid4().hex}@acme.example"

    @transaction.atomic
    def act():
        tenants.append(make_tenant())
        send(to=[address], tenant_id=tenants[0].pk)

    with pytest.raises(OSError, match="refused"):
        act()

    row = SentMail.objects.get(recipient=address)
    assert row.tenant_id == tenants[0].pk
    assert "refused" in row.error.lower()


@pytest.mark.django_db
def test_what_signing_up_sends_is_kept():
    form = {"email": "new@acme.example", "password1": "correct horse battery"}
    client_of(None).post("/accounts/signup/", form)
    assert len(django_mail.outbox) == 1
    row = SentMail.objects.get(recipient="new@acme.example")
    assert (row.kind, row.tenant_id) == ("confirmation", None)


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        ("account/email/email_confirmation_signup", MailKind.CONFIRMATION),
        ("account/email/password_reset_key", MailKind.PASSWORD),
        ("mfa/email/totp_activated", MailKind.SECURITY),
    ],
)
def test_mails_of_accounts_have_a_kind(prefix, kind):
    assert kind_of_account_mail(prefix) == kind


def write_old(days):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_sentmail (at, kind, recipient)"
            " VALUES (now() - %s * interval '1 day', 'budget', %s)",
            [days, f"old{days}@acme.example"],
        )


@pytest.mark.django_db
def test_old_rows_are_forgotten():
    write_old(MAILS_KEPT_DAYS + 1)
    write_old(MAILS_KEPT_DAYS - 1)
    forget_mails(now=timezone.now())
    mine = SentMail.objects.filter(recipient__startswith="old")
    assert [row.recipient for row in mine] == [f"old{MAILS_KEPT_DAYS - 1}@acme.example"]


@pytest.mark.django_db
@pytest.mark.parametrize("act", ["update", "delete"])
def test_the_database_keeps_a_row_as_it_is(act):
    send()
    rows = SentMail.objects.filter(at__gt=timezone.now() - timedelta(minutes=1))
    with pytest.raises((InternalError, IntegrityError), match="is kept"):
        rows.update(error="x") if act == "update" else rows.delete()


def test_nothing_else_hands_mails_over():
    doors = [
        name for name in product_files() if "from django.core.mail" in text_of(name)
    ]
    assert doors == ["tenants/services/send_mail.py"]
