"""What staff did, as staff read it."""

import pytest

from frontend.operator.views.log import PAGE_ROWS
from tenants.services.note_staff_act import note_staff_act
from tests.factories import make_engine


@pytest.fixture
def engine(db):  # noqa: ARG001  opens the database
    return make_engine()


def shown(people, query=""):
    response = people.client("staff").get(f"/operator/log/{query}")
    return [entry.words for entry in response.context["entries"]]


def test_it_works(people, engine):
    note_staff_act("engine.drained", about=engine, words="first")
    note_staff_act("engine.resumed", about=engine, words="second")

    assert shown(people) == ["second", "first"]
    assert shown(people, "?q=engine.dr") == ["first"]
    assert shown(people, "?q=seco") == ["second"]
    assert shown(people, "?q=nobody") == []


def test_pages_go_on_where_the_one_before_ended(people, engine):
    for number in range(PAGE_ROWS + 2):
        note_staff_act("engine.drained", about=engine, words=f"n{number}")
    response = people.client("staff").get("/operator/log/")
    before = response.context["next_before"]
    assert shown(people, f"?before={before}") == ["n1", "n0"]
    assert f"before={before}" in response.content.decode()


@pytest.mark.parametrize("query", ["?before=x", "?before=-1", "?before=" + "9" * 30])
def test_what_is_no_place_is_the_begin(people, engine, query):
    note_staff_act("engine.drained", about=engine, words="first")
    assert shown(people, query) == ["first"]
