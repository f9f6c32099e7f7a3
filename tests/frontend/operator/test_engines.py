"""The operator's engines: how they are, and taking one out of work."""

from datetime import timedelta

import pytest

from frontend.operator import fleet
from inference.domain.engine_gauges import EngineGauges
from inference.models import Engine
from inference.services.drain_engine import drain_engine
from inference.services.look_at_engines import EngineLook
from metering.audit_models import EngineEpoch
from tenants.audit_models import StaffEntry
from tests.factories import make_engine, make_user
from tests.frontend.believable import record
from tests.frontend.believable_leases import leased_call, told
from tests.frontend.operator.test_now import told as leases_told
from tests.frontend.people import client_of
from tests.inference.lease_books import tell


@pytest.fixture
def engine(version):
    return make_engine(served_model=version.served_model, name="first")


@pytest.fixture
def other(version):
    return make_engine(served_model=version.served_model, name="second")


@pytest.fixture
def root(people):
    del people
    return client_of(make_user(is_staff=True, is_superuser=True))


@pytest.fixture
def say(monkeypatch):
    """Has the engines run so many calls."""

    def say(engine, **gauges):
        look = EngineLook(
            engine_id=engine.pk,
            gauges=EngineGauges(**gauges),
            leases=leases_told(plugin_version="1.0"),
            version="0.32.0",
        )
        monkeypatch.setattr(fleet, "find_looks", lambda: {engine.pk: look})

    return say


def facts_of(people, engine):
    page = people.client("staff").get(f"/operator/engines/{engine.pk}/")
    return page.context["facts"]


def test_it_works(people, version, engine, now, say):
    event = leased_call(people.api_key, version, engine, now)
    record([event], now)
    tell(engine, told(1, event, now, tokens=288, bytes=9_000))
    for days in (30, 3, 1):
        EngineEpoch.objects.create(
            engine_id=engine.pk,
            started_at=now - timedelta(days=days),
            is_start_known=True,
        )
    say(engine, running=4, waiting=1)

    (found,) = people.client("staff").get("/operator/engines/").context["fleet"]

    assert (found.running, found.waiting, found.is_answering) == (4, 1, True)
    assert (found.look.version, found.plugin_version) == ("0.32.0", "1.0")
    assert (found.leases, found.tokens, found.bytes) == (1, 288, 9_000)
    assert found.leases_end_at > now
    assert found.lives.started_at == now - timedelta(days=1)
    assert found.lives.restarts == 2
    page = people.client("staff").get(f"/operator/engines/{engine.pk}/")
    assert [epoch.started_at for epoch in page.context["epochs"]] == [
        now - timedelta(days=days) for days in (1, 3, 30)
    ]


def test_the_first_start_is_no_restart(people, engine, now):
    started_at = now - timedelta(days=1)
    EngineEpoch.objects.create(
        engine_id=engine.pk, started_at=started_at, is_start_known=False
    )
    assert facts_of(people, engine).lives.restarts == 0


def test_workers_is_another_word_for_engines(people):
    answer = people.client("staff").get("/operator/workers/")
    assert answer["Location"] == "/operator/engines/"


@pytest.mark.usefixtures("other")
def test_an_engine_is_drained_and_given_calls_again(root, engine):
    answer = root.post(f"/operator/engines/{engine.pk}/drain/", {"reason": "memory"})
    assert answer["Location"] == f"/operator/engines/{engine.pk}/"
    assert Engine.objects.get(pk=engine.pk).is_draining
    entry = StaffEntry.objects.get()
    assert (entry.action, entry.about_id) == ("engine.drained", str(engine.pk))
    assert (entry.actor_kind, entry.words) == ("staff", "first: memory")

    root.post(f"/operator/engines/{engine.pk}/resume/")
    assert not Engine.objects.get(pk=engine.pk).is_draining
    assert StaffEntry.objects.latest("pk").action == "engine.resumed"


@pytest.mark.usefixtures("other")
def test_a_second_press_is_no_second_act(root, engine):
    for act in ("drain", "drain", "resume", "resume"):
        root.post(f"/operator/engines/{engine.pk}/{act}/")
    assert StaffEntry.objects.count() == 2


def test_the_last_engine_of_a_model_asks_for_its_name(root, engine):
    address = f"/operator/engines/{engine.pk}/drain/"
    answer = root.post(address, {"reason": "why", "name": "second"})
    assert answer.status_code == 422
    assert 'value="why"' in answer.content.decode()
    assert not Engine.objects.get(pk=engine.pk).is_draining

    root.post(address, {"name": "first"})
    assert Engine.objects.get(pk=engine.pk).is_draining


@pytest.mark.parametrize("act", ["drain", "resume"])
def test_it_refuses_staff_who_may_only_look(people, engine, other, act):
    engine.is_draining = act == "resume"
    engine.save()
    client = people.client("staff")
    answer = client.post(f"/operator/engines/{engine.pk}/{act}/")
    assert answer.status_code == 403
    assert Engine.objects.get(pk=engine.pk).is_draining == (act == "resume")
    assert (
        "Drain</a>" not in client.get(f"/operator/engines/{other.pk}/").content.decode()
    )


def test_it_refuses_an_engine_that_is_not_there(root, engine):
    for path in ("", "drain/"):
        assert root.get(f"/operator/engines/{engine.pk + 1}/{path}").status_code == 404
    assert root.post(f"/operator/engines/{engine.pk + 1}/resume/").status_code == 404


@pytest.mark.parametrize(
    ("gauges", "is_empty"),
    [({}, True), ({"running": 1}, False), ({"waiting": 1}, False)],
)
def test_it_says_when_a_drained_engine_is_empty(people, engine, say, gauges, is_empty):
    drain_engine(engine_id=engine.pk)
    say(engine, **gauges)
    found = facts_of(people, engine)
    assert not found.is_empty  # proxies may not have heard of it yet
    later = facts_of_at(found, found.now + timedelta(seconds=10))
    assert later.is_empty == is_empty


def facts_of_at(facts, at):
    return type(facts)(**{**vars(facts), "now": at})


def test_one_that_does_not_answer_is_not_called_empty(people, engine, now):
    drain_engine(engine_id=engine.pk)
    found = facts_of_at(facts_of(people, engine), now + timedelta(minutes=1))
    assert not found.is_empty
    assert (
        "does not answer"
        in people.client("staff")
        .get(f"/operator/engines/{engine.pk}/")
        .content.decode()
    )
