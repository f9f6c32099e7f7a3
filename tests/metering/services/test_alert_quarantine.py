"""Operators hear once of each file that was set aside."""

import pytest
from django.utils import timezone

from metering.audit_models import QuarantinedSegment
from metering.services.alert_quarantine import alert_quarantine
from metering.services.ship_journal import ship_journal
from tests.factories import make_user
from tests.metering.journal import Journal, make_event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _operator():
    make_user(is_staff=True, email="op@example.com")
    make_user(email="user@example.com")
    make_user(is_staff=True, is_active=False, email="gone@example.com")


def alert(root):
    return alert_quarantine(now=timezone.now(), root=root)


def poison(root, journal):
    journal.append(make_event(output_tokens=-1))
    ship_journal(root)


def test_it_works(root, journal, mailoutbox):
    assert alert(root) == []
    poison(root, journal)

    [name] = alert(root)
    assert name == f"0/{journal.segment.path.stem}-1.journal"
    [mail] = mailoutbox
    assert mail.to == ["op@example.com"]
    assert name in mail.body
    assert alert(root) == []
    assert len(mailoutbox) == 1


def test_each_further_file_is_told(root, journal, mailoutbox):
    poison(root, journal)
    alert(root)
    poison(root, journal)
    assert len(alert(root)) == 1
    assert len(mailoutbox) == 2


def test_a_torn_segment_is_told_too(root, mailoutbox):
    journal = Journal(root / "0")
    journal.append(make_event())
    journal.append_raw(b"\x50\0\0\0 torn")
    journal.rotate()
    ship_journal(root)
    journal.close()
    assert len(alert(root)) == 1
    assert len(mailoutbox) == 1


def test_a_mail_that_did_not_go_out_is_tried_again(root, journal, settings, mailoutbox):
    working = settings.EMAIL_BACKEND
    poison(root, journal)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    alert(root)
    assert not QuarantinedSegment.objects.exists()
    settings.EMAIL_BACKEND = working
    assert len(alert(root)) == 1
    assert len(mailoutbox) == 1


def test_a_long_list_is_cut(root, journal, mailoutbox):
    for _ in range(25):
        journal.append(make_event(output_tokens=-1))
    ship_journal(root)
    assert len(alert(root)) == 25
    assert "And 5 more" in mailoutbox[0].body


def test_it_is_in_the_language_of_each_operator(root, journal, mailoutbox):
    make_user(is_staff=True, email="gerda@example.com", language="de")
    poison(root, journal)

    alert(root)

    texts = {mail.to[0]: (mail.subject, mail.body) for mail in mailoutbox}
    assert "usage was set aside" in texts["op@example.com"][0]
    assert "Nutzung wurde beiseitegelegt" in texts["gerda@example.com"][0]
    assert "werden nicht abgerechnet" in texts["gerda@example.com"][1]
