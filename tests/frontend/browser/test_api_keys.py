"""The pages of keys in a browser, wide and narrow, as pictures to look at."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.models import LeakResponse
from tenants.services.report_leaked_key import report_leaked_key
from tenants.services.rotate_api_key import rotate_api_key
from tests.factories import make_api_key, make_project
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser


@pytest.fixture
def pages(people):
    """A key that was rotated, one that leaked, one of another project, and many."""
    now = timezone.now()
    other = make_project(tenant=people.tenant, name="Research")
    for number in range(60):
        make_api_key(
            project=other,
            name=f"Notebook {number:02}",
            created_by=people.users["colleague"],
            created_at=now - timedelta(days=number),
            scopes=["generate", "kv"] if number % 3 else None,
            last_used_at=now - timedelta(minutes=number) if number % 2 else None,
        )
    rotated = rotate_api_key(
        api_key_id=people.api_key.pk,
        tenant=people.tenant,
        created_by=people.users["owner"],
        overlap=timedelta(days=1),
        now=now,
    )
    people.tenant.on_leak = LeakResponse.DISABLE
    people.tenant.save()
    leaked, secret = make_api_key(project=other, name="Old laptop")
    where = "https://code.example/acme/app/blob/main/.env"
    report_leaked_key(secret, where=where, now=now)
    new = rotated.api_key
    return {
        "keys-many": "/keys/",
        "keys-found": "/keys/?q=notebook+1&sort=name",
        "keys-none-found": "/keys/?q=xyzzy",
        "key-rotated": f"/keys/{people.api_key.pk}/",
        "key-new": f"/keys/{new.pk}/",
        "key-rotate": f"/keys/{new.pk}/rotate/",
        "key-end-overlap": f"/keys/{people.api_key.pk}/rotate/end/",
        "key-leaked": f"/keys/{leaked.pk}/",
        "key-confess": f"/keys/{new.pk}/leaked/",
        "key-leaks": "/keys/leaks/",
        "key-create-full": "/keys/new/",
        "key-revoke-undoable": f"/keys/{new.pk}/revoke/",
        "leaked-keys": "/leaked-keys/",
    }


@pytest.mark.usefixtures("mail_folder")
@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_it_works(visit, people, pages, look):
    take(visit, people.users["owner"], folder_of(look), pages, **look)


@pytest.mark.usefixtures("mail_folder", "version")
def test_a_rotation_is_made_and_taken_back_by_hand(visit, people):
    with visit(people.users["owner"]) as seen:
        page = seen.page
        seen.open(f"/keys/{people.api_key.pk}/")
        page.get_by_role("link", name="Rotate").click()
        page.get_by_role("button", name="Rotate the key").click()
        assert page.locator("#secret").input_value().startswith("tf_live_")
        seen.screenshots("key-rotated-secret")
        page.get_by_role("link", name="End that early").click()
        page.get_by_role("button", name="Take the rotation back").click()
        assert page.get_by_text("The old key works as before").is_visible()
        page.get_by_role("link", name="Revoke", exact=True).click()
        page.get_by_role("button", name="Revoke the key").click()
        page.get_by_role("button", name="Undo").click()
        assert page.get_by_text("Backend works again.").is_visible()
