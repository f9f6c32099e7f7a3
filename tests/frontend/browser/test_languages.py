"""German pages, a page from right to left, and mails, as pictures to look at."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from billing.domain.document_mail import invoice_mail
from billing.domain.dunning import Step, dunning_mail
from tenants.domain.invitations import invitation_mail
from tenants.domain.letters import Letter
from tenants.domain.mail_kinds import MailKind
from tenants.models import User
from tenants.services.send_letter import send_letter
from tests.frontend.browser.axe import barriers

pytestmark = pytest.mark.browser

NOW = timezone.now()
PAGES = {
    "overview": "/",
    "keys": "/keys/",
    "usage": "/usage/",
    "invoice": "/invoices/{invoice}/",
    "limits": "/limits/",
    "members": "/settings/members/",
    "playground": "/playground/",
}


@pytest.fixture
def german(people):
    User.objects.filter(pk=people.users["owner"].pk).update(language="de")
    return people.users["owner"]


@pytest.mark.parametrize("width", [1440, 390])
def test_german_pages_fit(visit, german, invoice, width):
    with visit(german, width=width) as seen:
        for name, path in PAGES.items():
            seen.open(path.format(invoice=invoice.pk))
            seen.screenshot(f"german-{width}", name)
            assert seen.overflow() == []
            assert barriers(seen.page) == []


def test_scripts_speak_german(visit, german):
    with visit(german) as seen:
        seen.open("/keys/")
        assert seen.page.evaluate("gettext('Copied')") == "Kopiert"
        seen.page.get_by_role("button", name="English").first.click()
        seen.page.wait_for_selector("html[lang=en]")
        assert seen.page.evaluate("gettext('Copied')") == "Copied"


@pytest.mark.parametrize("width", [1440, 390])
def test_a_page_may_be_read_from_right_to_left(visit, people, invoice, width):
    with visit(people.users["owner"], width=width) as seen:
        for name in ("overview", "usage", "invoice"):
            seen.open(PAGES[name].format(invoice=invoice.pk))
            seen.page.evaluate("document.documentElement.dir = 'rtl'")
            seen.screenshot(f"right-to-left-{width}", name)
            assert seen.page.evaluate(
                "document.documentElement.scrollWidth <= innerWidth"
            )


def letters() -> dict[str, Letter]:
    address = "https://portal.example/invoices/12/"
    return {
        "invitation": invitation_mail(
            tenant_name="Acme",
            role="developer",
            inviter="olga@acme.example",
            url="https://portal.example/invitations/x/",
            expires_at=NOW + timedelta(days=7),
        ),
        "invoice": invoice_mail(
            number="TF-2026-000012",
            currency="EUR",
            total_cents=123_456,
            due_cents=123_456,
            due_at=NOW + timedelta(days=14),
            url=address,
        ),
        "dunning": dunning_mail(
            Step.WARNED,
            tenant_name="Acme",
            number="TF-2026-000012",
            due=Decimal("1234.56"),
            currency="EUR",
            due_at=NOW,
            url=address,
        ),
    }


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mails_can_be_read(visit, language, scheme):
    with visit(scheme=scheme, width=720) as seen:
        for name, letter in letters().items():
            send_letter(
                kind=MailKind.INVOICE,
                to=["olga@acme.example"],
                letter=letter,
                language=language,
            )
            sent = mail.outbox[-1]
            assert isinstance(sent, EmailMultiAlternatives)
            seen.page.set_content(str(sent.alternatives[0][0]))
            seen.screenshot(f"mails-{language}-{scheme}", name)
            assert seen.overflow() == []
            assert barriers(seen.page) == []
