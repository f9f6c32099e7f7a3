"""A leaked key ends, its owners are told, and only they learn that it was one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.audit_models import AuditEntry
from tenants.domain import api_keys
from tenants.domain.roles import Role
from tenants.errors import ApiKeyNotFoundError, ApiKeyNotRestorableError
from tenants.models import LeakResponse, User
from tenants.services.find_api_key import find_api_key
from tenants.services.report_leaked_key import (
    DISABLED_FOR,
    confess_leaked_key,
    report_leaked_key,
)
from tenants.services.restore_api_key import restore_api_key
from tenants.services.revoke_api_key import RESTORABLE_FOR, revoke_api_key
from tenants.services.set_leak_response import set_leak_response
from tests.factories import make_api_key, make_member, make_project, make_user

WHERE = "https://code.example/acme/app/blob/main/.env"
pytestmark = pytest.mark.django_db


@pytest.fixture
def leaked(db):  # noqa: ARG001  opens the database
    """A key that a colleague made, and its secret."""
    project = make_project()
    owner = make_user(email="olga@acme.example")
    maker = make_user(email="carl@acme.example")
    make_member(tenant=project.tenant, user=owner, role=Role.OWNER)
    make_member(tenant=project.tenant, user=maker)
    return make_api_key(project=project, name="Backend", created_by=maker)


def actions():
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_it_works(leaked, mailoutbox):
    api_key, secret = leaked
    now = timezone.now()

    assert report_leaked_key(secret, where=WHERE, now=now)

    api_key.refresh_from_db()
    assert (api_key.revoked_at, api_key.leaked_at) == (now, now)
    assert api_key.restorable_until is None
    assert find_api_key(secret, now=now) is None
    (mail,) = mailoutbox
    assert mail.to == ["olga@acme.example", "carl@acme.example"]
    assert "leaked and is revoked" in mail.subject
    html, _kind = mail.alternatives[0]
    for text in (mail.body, html):
        assert WHERE in text
        assert f"/keys/{api_key.pk}/" in text
        assert secret not in text
    assert actions() == ["api_key.leaked"]
    assert secret not in AuditEntry.objects.get().words


def test_it_refuses_what_is_no_key_of_ours(leaked, mailoutbox):
    _, secret = leaked
    now = timezone.now()
    for text in ("", "hello", secret[:-1], api_keys.make("live")):
        assert not report_leaked_key(text, where=WHERE, now=now)
    assert mailoutbox == []
    assert actions() == []


def test_a_second_report_says_nothing_new(leaked, mailoutbox):
    _, secret = leaked
    now = timezone.now()
    report_leaked_key(secret, where=WHERE, now=now)
    later = now + timedelta(hours=1)
    assert not report_leaked_key(secret, where=WHERE, now=later)
    assert len(mailoutbox) == len(actions()) == 1


def test_a_place_is_text_and_no_markup(leaked, mailoutbox):
    _, secret = leaked
    report_leaked_key(
        secret, where="<b>x</b>\r\nBcc: y" + "z" * 900, now=timezone.now()
    )
    html, _kind = mailoutbox[0].alternatives[0]
    assert "&lt;b&gt;" in html
    assert "\r" not in mailoutbox[0].body
    assert len(AuditEntry.objects.get().words) <= 300


def test_a_tenant_may_have_keys_disabled_instead(leaked, mailoutbox):
    api_key, secret = leaked
    now = timezone.now()
    assert set_leak_response(api_key.tenant, LeakResponse.DISABLE)
    assert not set_leak_response(api_key.tenant, LeakResponse.DISABLE)
    api_key.tenant.refresh_from_db()
    report_leaked_key(secret, where=WHERE, now=now)
    assert find_api_key(secret, now=now) is None
    assert "is disabled" in mailoutbox[0].subject

    later = now + DISABLED_FOR - timedelta(seconds=1)
    restore_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, now=later)
    assert find_api_key(secret, now=later)
    api_key.refresh_from_db()
    assert api_key.leaked_at == now  # that it was said is not forgotten
    assert actions() == [
        "tenant.leak_response_set",
        "api_key.leaked",
        "api_key.restored",
    ]


def test_whoever_says_so_themselves_has_it_revoked_for_good(leaked, mailoutbox):
    api_key, secret = leaked
    api_key.tenant.on_leak = LeakResponse.DISABLE
    api_key.tenant.save()
    now = timezone.now()
    assert confess_leaked_key(api_key=api_key, email="carl@acme.example", now=now)
    with pytest.raises(ApiKeyNotRestorableError):
        restore_api_key(api_key_id=api_key.pk, tenant=api_key.tenant, now=now)
    assert len(mailoutbox) == 1
    assert find_api_key(secret, now=now) is None


def test_a_revocation_is_taken_back_within_minutes(leaked):
    api_key, secret = leaked
    now = timezone.now()
    mine = {"api_key_id": api_key.pk, "tenant": api_key.tenant}
    revoke_api_key(**mine, now=now)
    restore_api_key(**mine, now=now + RESTORABLE_FOR / 2)
    assert find_api_key(secret, now=now)
    assert restore_api_key(**mine, now=now)  # safe twice
    revoke_api_key(**mine, now=now)
    with pytest.raises(ApiKeyNotRestorableError):
        restore_api_key(**mine, now=now + RESTORABLE_FOR)
    other, _ = make_api_key()
    with pytest.raises(ApiKeyNotFoundError):
        restore_api_key(api_key_id=other.pk, tenant=api_key.tenant, now=now)


def test_a_report_of_a_key_just_revoked_makes_that_final(leaked):
    api_key, secret = leaked
    now = timezone.now()
    mine = {"api_key_id": api_key.pk, "tenant": api_key.tenant}
    revoke_api_key(**mine, now=now)
    assert not report_leaked_key(secret, where=WHERE, now=now)
    with pytest.raises(ApiKeyNotRestorableError):
        restore_api_key(**mine, now=now)


@pytest.mark.parametrize(
    ("is_confessed", "place", "noted"),
    [
        (False, "ohne Angabe des Ortes", "not said where"),
        (True, "gemeldet von carl@acme.example", "reported by carl@acme.example"),
    ],
)
def test_each_owner_reads_it_in_their_language(
    leaked, mailoutbox, is_confessed, place, noted
):
    api_key, secret = leaked
    User.objects.filter(email="olga@acme.example").update(language="de")
    now = timezone.now()

    if is_confessed:
        confess_leaked_key(api_key=api_key, email="carl@acme.example", now=now)
    else:
        report_leaked_key(secret, where=" ", now=now)

    german, english = mailoutbox
    assert german.to == ["olga@acme.example"]
    assert german.subject.endswith("ist öffentlich geworden und jetzt widerrufen")
    assert place in german.body
    assert noted in english.body
    assert noted in AuditEntry.objects.get().words
