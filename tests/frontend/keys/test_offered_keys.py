"""What forms offer of many keys."""

from datetime import timedelta

import pytest

from frontend.keys.offered_keys import KEYS_OFFERED
from tenants.models import SpendLimit
from tests.factories import make_api_key

FORMS = ("/limits/spend/", "/limits/budget/", "/prompts/new/", "/usage/calls/")


@pytest.fixture
def keys(people, now):
    """More than are offered, used one after the other; the last one never."""
    return [
        make_api_key(
            project=people.project,
            name=f"Key {number:03}",
            last_used_at=now - timedelta(minutes=number),
        )[0]
        for number in range(KEYS_OFFERED + 5)
    ]


@pytest.mark.parametrize("path", FORMS)
def test_those_used_last_are_offered(people, keys, path):
    page = people.client("owner").get(path).content.decode()
    shown = [key for key in keys if key.name in page]
    assert shown == keys[:KEYS_OFFERED]


def test_the_one_that_the_address_names_is_offered_too(people, keys):
    last = keys[-1]
    response = people.client("owner").get(f"/limits/spend/?subject=key:{last.pk}")
    page = response.content.decode()
    assert f'value="key:{last.pk}" selected' in page
    assert keys[-2].name not in page


def test_any_of_them_can_be_limited_and_nobody_elses(people, keys):
    owner = people.client("owner")
    typed = {"period": "day", "amount_nanos": "5"}
    mine = {**typed, "subject": f"key:{keys[-1].pk}"}
    assert owner.post("/limits/spend/", mine).status_code == 302
    assert SpendLimit.objects.get(api_key=keys[-1]).amount_nanos == 5_000_000_000
    theirs = {**typed, "subject": f"key:{people.strangers_key.pk}"}
    assert owner.post("/limits/spend/", theirs).status_code == 422
    nobodys = {**typed, "subject": "key:x"}
    assert owner.post("/limits/spend/", nobodys).status_code == 422
