"""Who belongs to a tenant and what they did, and one call, as pictures to look at."""

import re

import pytest
from django.core import mail

from tenants.models import Member
from tests.frontend.believable import call, event_id_at, record
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser


@pytest.fixture
def link(people):
    """An invitation's; made, like a key's end, by a page, so that the log has both."""
    owner = people.client("owner")
    typed = {"email": "nora@acme.example", "role": "billing"}
    assert owner.post("/settings/members/", typed).status_code == 302
    owner.post(f"/keys/{people.api_key.pk}/rename/", {"name": "Server"})
    (path,) = re.findall(r"(/invitations/\S+/)", str(mail.outbox[0].body))
    return path


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_members_and_their_acts_can_be_shown(link, visit, people, look):
    # `link` comes first: after a test client the server would close the connection.
    colleague = Member.objects.get(user=people.users["colleague"])
    pages = {
        "members": "/settings/members/",
        "member-remove": f"/settings/members/{colleague.pk}/remove/",
        "audit-log": "/settings/audit/",
    }
    folder = folder_of(look)
    take(visit, people.users["owner"], folder, pages, **look)
    take(visit, None, folder, {"invitation": link}, **look)


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_a_call_can_be_shown(visit, people, version, now, look):
    one = call(people.api_key, version, now, event_id=event_id_at(now))
    record([one], now)
    path = f"/usage/calls/req_{one.event_id}/"
    take(visit, people.users["owner"], folder_of(look), {"call": path}, **look)
