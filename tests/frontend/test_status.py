import json

import pytest

from inference.models import EngineState
from tests.factories import make_engine
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
