import json
from datetime import timedelta

import pytest

from inference.models import EngineState
from metering.domain.components import Health
from metering.status_models import ComponentDay, Incident
from tenants.audit_models import StaffEntry
from tests.factories import make_engine
from tests.frontend.incidents import make_incident
from tests.frontend.people import client_of

pytestmark = pytest.mark.django_db
LOADING = {
    "state": "loading",
    "step": 3,
    "steps": 4,
    "title": "Loading the model",
    "fraction": None,
    "overall": 0.7,
    "eta_seconds": 100,
    "message": "Reading weights.",
    "error": None,
    "updated_at": 1,
    "model": "m",
    "is_simulator": False,
}


@pytest.fixture
def progress_file(settings, tmp_path):
    settings.ENGINE_PROGRESS_FILE = tmp_path / "engine_progress.json"
    return settings.ENGINE_PROGRESS_FILE


def page() -> str:
    return client_of(None).get("/status/").content.decode()


def test_it_works(progress_file):
    make_engine()
    progress_file.write_text(json.dumps({**LOADING, "state": "ready", "overall": 1}))
    assert "Calls are answered" in page()


def test_it_shows_how_far_the_engine_is(progress_file):
    progress_file.write_text(json.dumps(LOADING))
    text = page()
    assert '<progress max="100" value="70"' in text
    assert "about 2 minutes left" in text
    assert "Reading weights." in text


def test_it_says_why_the_engine_failed(progress_file):
    broken = {**LOADING, "state": "failed", "error": "The disk is full."}
    progress_file.write_text(json.dumps(broken))
    assert "The disk is full." in page()


@pytest.mark.parametrize("content", [None, "", "{", '{"state": "odd"}'])
def test_it_works_without_a_readable_progress(progress_file, content):
    if content is not None:
        progress_file.write_text(content)
    assert "not ready yet" in page()


@pytest.mark.parametrize("state", [EngineState.STARTING, EngineState.UNREACHABLE])
@pytest.mark.usefixtures("progress_file")
def test_it_says_that_no_engine_answers(state):
    make_engine(state=state)
    assert "not ready yet" in page()


@pytest.mark.usefixtures("progress_file")
def test_the_public_page_names_no_address():
    engine = make_engine()
    assert engine.address not in page()


def test_htmx_gets_the_live_part_alone():
    client = client_of(None)
    part = client.get("/status/", headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part


def test_the_simulator_is_announced_on_every_page(settings):
    settings.ENGINE_IS_SIMULATOR = True
    for path in ("/", "/status/", "/accounts/signup/"):
        assert "Simulated engine." in client_of(None).get(path).content.decode()


def probed(component, *, at, health=Health.UP, failed=0):
    return ComponentDay.objects.create(
        component=component,
        day=at.date(),
        probes=1440,
        degraded=0,
        failed=failed,
        health=health,
        probed_at=at,
    )


@pytest.mark.usefixtures("progress_file")
def test_parts_are_told_with_their_last_90_days(now):
    make_engine()
    probed("portal", at=now)
    probed("model:small", at=now)
    probed("api", at=now)
    probed("api", at=now - timedelta(days=3), failed=144)
    probed("api", at=now - timedelta(days=90), failed=1440)
    status = client_of(None).get("/status/").context["status"]
    assert [one.title for one in status.components] == ["API", "Model small", "Portal"]
    api = status.components[0]
    assert (len(api.bars), api.percent) == (90, "95.00")
    assert [bar.health for bar in api.bars[-4:]] == [Health.DOWN, None, None, Health.UP]
    assert [bar.percent for bar in api.disturbed] == ["90.00"]
    text = page()
    assert text.count('class="day-bar day-') == 3 * 90
    assert "Every part works." in text


@pytest.mark.usefixtures("progress_file")
def test_a_part_that_is_away_is_in_the_headline(now):
    make_engine()
    probed("api", at=now)
    probed("portal", at=now, health=Health.DOWN, failed=1)
    assert "A part does not answer" in page()


@pytest.mark.usefixtures("progress_file")
def test_what_was_not_probed_lately_is_not_known(now):
    probed("api", at=now - timedelta(minutes=6))
    found = client_of(None).get("/status/").context["status"]
    assert found.components[0].health is None
    assert found.health is None


@pytest.mark.usefixtures("progress_file")
def test_others_are_shown_a_cached_page_and_nobody_his_own(people):
    answer = client_of(None).get("/status/")
    assert answer["Cache-Control"] == "public, max-age=15"
    assert {"Cookie", "HX-Request"} <= set(answer["Vary"].split(", "))
    assert "Set-Cookie" not in answer
    own = people.client("owner").get("/status/")
    assert "no-store" in own["Cache-Control"]
    assert "public" not in own["Cache-Control"]


def test_programs_read_the_same(now):
    probed("api", at=now, failed=144)
    make_incident(now)
    answer = client_of(None).get("/status/status.json")
    document = answer.json()
    assert document["status"] == "up"
    api = document["components"][0]
    assert (api["id"], api["status"], api["uptime_percent"]) == ("api", "up", "90.00")
    assert api["days"][-1]["status"] == "down"
    assert document["incidents"][0]["updates"][0]["text"] == "We look into it."
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cache-Control"] == "public, max-age=15"


@pytest.mark.usefixtures("progress_file")
def test_staff_write_incidents_and_everybody_reads_them(people):
    staff = people.client("staff")
    begun = {"title": "Slow answers", "impact": "minor", "components": ["api"]}
    first = {"phase": "investigating", "text": "We look into it."}
    answer = staff.post("/operator/incidents/", {**begun, **first})
    address = answer["Location"]
    assert "We look into it." in page()
    assert "Past incidents" in page()
    staff.post(address, {"phase": "resolved", "text": "A <b>disk</b> was full."})
    text = page()
    assert "A &lt;b&gt;disk&lt;/b&gt; was full." in text
    incident = Incident.objects.get()
    assert incident.resolved_at
    staff.post(address, {"phase": "monitoring", "text": "It came back."})
    incident.refresh_from_db()
    assert incident.resolved_at is None
    assert incident.updates.count() == 3
    entries = StaffEntry.objects.filter(action="incident.told").order_by("pk")
    assert [one.words.partition(": ")[2] for one in entries] == [
        "investigating, We look into it.",
        "resolved, A <b>disk</b> was full.",
        "monitoring, It came back.",
    ]


def test_it_refuses_an_incident_that_says_nothing(people):
    staff = people.client("staff")
    answer = staff.post("/operator/incidents/", {"title": "Kept", "text": " "})
    assert answer.status_code == 422
    assert "Kept" in answer.content.decode()
    odd = {"title": "x", "impact": "odd", "components": ["none"], "phase": "x"}
    assert staff.post("/operator/incidents/", odd).status_code == 422
    assert not Incident.objects.exists()


@pytest.mark.parametrize("name", ["owner", "stranger"])
def test_it_refuses_incidents_of_whoever_is_not_staff(people, now, name):
    incident = make_incident(now)
    client = people.client(name)
    given = {"phase": "resolved", "text": "x"}
    for path in ("/operator/incidents/", f"/operator/incidents/{incident.pk}/"):
        assert client.post(path, given).status_code == 403
    assert incident.updates.count() == 1


def test_many_days_ask_no_more(now, django_assert_max_num_queries):
    for component in ("api", "portal", "usage", "model:a", "model:b"):
        for days in range(30):
            probed(component, at=now - timedelta(days=days))
    for number in range(5):
        make_incident(now - timedelta(days=number))
    with django_assert_max_num_queries(8):
        client_of(None).get("/status/")
