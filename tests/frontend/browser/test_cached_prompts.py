"""A developer caches a prompt without a mouse: sees the price, buys, deletes."""

import contextlib

import pytest

from inference.cached_prompt_models import CachedPrompt
from tests.factories import make_member, make_user
from tests.frontend.believable import price
from tests.inference.cached_prompt_place import Place
from tests.inference.warm_proxy import held_by, run_warm_proxy

pytestmark = pytest.mark.browser

RULES = "Answer in one word. " * 8


@pytest.fixture
def place(db, valkey, settings, tmp_path):  # noqa: ARG001  opened
    settings.ENGINE_KEY = "engine-key"
    with contextlib.ExitStack() as stack:
        proxy, settings.PROXY_URL = stack.enter_context(run_warm_proxy())
        place = Place(tmp_path, proxy, settings.PROXY_URL, stack)
        place.add_engine()
        price(place.model, hbm_mb_s_nanos_per_million=13_500_000)
        yield place


@pytest.fixture
def developer(place):
    user = make_user()
    make_member(tenant=place.api_key.tenant, user=user)
    return user


def test_it_works(visit, place, developer):
    (engine,) = place.engines.values()
    with visit(developer) as seen:
        page = seen.page
        seen.open("/prompts/")
        page.get_by_role("link", name="Cache the first prompt").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Name", exact=True).focus()
        page.keyboard.type("contract-rules")
        page.get_by_label("Instructions").focus()
        page.keyboard.insert_text(RULES)
        page.get_by_role("button", name="Show the price").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="The price").wait_for()
        seen.screenshots("prompt-quote")
        assert held_by(engine) == []

        page.get_by_role("button", name="Buy it").focus()
        page.keyboard.press("Enter")
        page.get_by_text("contract-rules is held").wait_for()
        assert len(held_by(engine)) == 1
        page.get_by_text("calls can use it").wait_for()

        page.get_by_role("link", name="Delete").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Type its name").focus()
        page.keyboard.type("contract-rules")
        page.keyboard.press("Enter")
        page.get_by_text("contract-rules is deleted").wait_for()
    assert held_by(engine) == []
    assert CachedPrompt.objects.get().status == "deleted"


def test_what_was_typed_stays_when_it_is_refused(visit, place, developer):
    del place
    with visit(developer) as seen:
        page = seen.page
        seen.open("/prompts/new/")
        page.get_by_label("Name", exact=True).fill("no spaces here")
        page.get_by_label("Instructions").fill(RULES)
        page.get_by_role("button", name="Show the price").click()
        page.get_by_text("the first one a letter or digit").wait_for()
        assert page.get_by_label("Name", exact=True).input_value() == "no spaces here"
        assert page.get_by_label("Instructions").input_value() == RULES
        (complaint,) = seen.complaints
        assert "422" in complaint  # the browser's own note of the status
        seen.complaints.clear()
