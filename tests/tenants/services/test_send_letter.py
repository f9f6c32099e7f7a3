"""Letters reach each reader in their language, as text and as HTML."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.core import mail

from config.environment import REPOSITORY
from tenants.domain.letters import Letter, gettext_noop
from tenants.domain.mail_kinds import MailKind
from tenants.mail_html import paragraphs_of
from tenants.services.send_letter import send_letter
from tests.factories import make_user

pytestmark = pytest.mark.django_db

LETTER = Letter(
    subject=gettext_noop("Invoice %(number)s is overdue", number="TF-1"),
    paragraphs=(
        gettext_noop(
            "%(due)s %(currency)s of invoice %(number)s of %(tenant)s was due on"
            " %(day)s and is not paid.",
            due=Decimal("1234.50"),
            currency="EUR",
            number="TF-1",
            tenant="Acme <b>",
            day=datetime(2026, 12, 15, tzinfo=UTC),
        ),
        gettext_noop("Pay it here. All is as before within seconds of the payment:"),
        "https://portal.example/invoices/1/",
        "    A1 & B2",
    ),
)


class WellFormed(HTMLParser):
    """Every element that is opened is closed, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def html_of_sent(message) -> str:
    (html,) = (str(one.content) for one in message.alternatives)
    parser = WellFormed()
    parser.feed(html)
    assert not parser.open
    assert all(re.match("https?://", link) for link in parser.links)
    for nothing in ("{{", "{%", "%(", "<img", "<script", "src="):
        assert nothing not in html
    return html


def test_it_works():
    make_user(email="olga@acme.example", language="de")
    make_user(email="carl@acme.example")
    to = ["olga@acme.example", "carl@acme.example", "books@acme.example"]

    send_letter(kind=MailKind.DUNNING, to=to, letter=LETTER)

    german, english = mail.outbox
    assert german.to == ["olga@acme.example"]
    assert english.to == ["carl@acme.example", "books@acme.example"]
    assert german.subject == "Rechnung TF-1 ist überfällig"
    assert "1.234,50 EUR" in german.body
    assert "15. Dezember 2026" in german.body
    assert english.subject == "Invoice TF-1 is overdue"
    assert "1,234.50 EUR of invoice TF-1 of Acme <b> was due on" in english.body
    assert "15 December 2026" in english.body


def test_the_html_says_what_the_text_says():
    make_user(email="olga@acme.example", language="de")
    send_letter(kind=MailKind.DUNNING, to=["olga@acme.example"], letter=LETTER)
    html = html_of_sent(mail.outbox[0])
    assert '<html lang="de" dir="ltr">' in html
    assert "Acme &lt;b&gt;" in html
    assert html.count('href="https://portal.example/invoices/1/"') == 2
    assert ">Öffnen</a>" in html
    assert "A1 &amp; B2" in html
    preheader = html[html.index("<body") :].split("</div>")[0]
    assert "1.234,50 EUR" in preheader


def test_who_has_no_account_reads_the_senders_language():
    send_letter(
        kind=MailKind.INVITATION, to=["neu@acme.example"], letter=LETTER, language="de"
    )
    assert mail.outbox[0].subject == "Rechnung TF-1 ist überfällig"


def test_nobody_mails_past_it():
    """What `send_mail` is given is in one language only. Mails of accounts come from
    allauth's templates, in the language of the request.
    """
    found = {
        str(path.relative_to(REPOSITORY))
        for app in ("tenants", "inference", "metering", "billing", "frontend")
        for path in (REPOSITORY / app).rglob("*.py")
        if re.search(r"import send_mail\b|EmailMessage\(|EmailMult", path.read_text())
    }
    assert found == {
        "tenants/services/send_letter.py",
        "tenants/services/send_mail.py",
    }


def test_paragraphs_are_told_apart():
    text = (
        "One\nline.\n\n    K7\n\nGo:\nhttps://x.example/\n\n- a\n- b\n\n-- \nTokenfab\n"
    )
    assert [(one.kind, one.text) for one in paragraphs_of(text)] == [
        ("text", "One line."),
        ("shown", "K7"),
        ("text", "Go:"),
        ("link", "https://x.example/"),
        ("list", "- a\n- b"),
    ]
