"""What the plant does now, as the operator sees it."""

import csv
import io
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache

from frontend.operator import engine_looks
from frontend.operator.kv_bars import WIDTH
from inference.domain.engine_gauges import EngineGauges
from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_control import EngineLeases
from inference.services.look_at_engines import EngineLook
from metering.audit_models import EngineEpoch
from metering.services.read_token_rates import STEP_SECONDS, STEPS
from tests.factories import make_engine
from tests.frontend.believable_prompts import make_placement, make_prompt
from tests.metering.audit import make_reading

MB = 1_000_000


def told(**fields):
    """What an engine says of its leases: 1,000 blocks of 1 MB, 300 of them held."""
    return EngineLeases(
        **{
            "engine_id": "e",
            "epoch": "1",
            "block_tokens": 16,
            "block_bytes": MB,
            "pool_blocks": 1_000,
            "caps": LeaseCaps(all_leases=500, guaranteed=200, per_tenant=250),
            "host_blocks_max": 0,
            "host_blocks": 0,
            "unsupported": "",
            "leases": 4,
            "held_blocks": 300,
            "guaranteed_blocks": 0,
            "tenant_blocks": 0,
            "last_sequence": 9,
            "rejected": {},
            "at_ms": 1,
            **fields,
        }
    )


def look_of(engine, *, leases=None, **gauges):
    return EngineLook(
        engine_id=engine.pk,
        gauges=EngineGauges(**gauges),
        leases=leases,
        version="0.32.0",
    )


@pytest.fixture
def say(monkeypatch):
    """Has engines say something; what asks them is tested with real ones elsewhere."""

    def say(*looks):
        cache.clear()
        monkeypatch.setattr(
            engine_looks, "look_at_engines", lambda _: {o.engine_id: o for o in looks}
        )

    return say


def plant(people):
    return people.client("staff").get("/operator/now/").context["plant"]


def owners(bar):
    return {part.owner: part.amount for part in bar.parts}


def test_it_works(people, version, now, say):
    engine = make_engine(served_model=version.served_model)
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, engine, now, blocks=120)
    epoch = EngineEpoch.objects.create(
        engine_id=engine.pk, started_at=now - timedelta(days=1), is_start_known=True
    )
    make_reading(epoch, now - timedelta(seconds=31), new=0, cached=0, output=0)
    make_reading(epoch, now - timedelta(seconds=11), new=2_000, cached=600, output=400)
    say(
        look_of(
            engine,
            running=5,
            waiting=2,
            pool_blocks=1_000,
            used_blocks=450,
            leases=told(),
        )
    )

    found = plant(people)

    assert (found.running, found.waiting) == (5, 2)
    assert found.output_per_second == pytest.approx(20, abs=1)
    assert found.input_per_second == pytest.approx(130, abs=1)
    assert found.cached_per_second == pytest.approx(30, abs=1)
    (bar,) = found.bars
    assert owners(bar) == {
        "running": 150 * MB,
        "leased": 180 * MB,
        "reserved": 120 * MB,
        "free": 550 * MB,
    }
    assert bar.used_percent == 45
    assert sum(part.width for part in bar.parts) == WIDTH


def rows_of(people, name):
    response = people.client("staff").get(f"/operator/now/{name}.csv")
    assert "attachment" in response["Content-Disposition"]
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_files_have_what_the_page_shows(people, version, now, say):
    engine = make_engine(served_model=version.served_model, name="=1+1")
    make_engine(served_model=version.served_model, name="lost")
    epoch = EngineEpoch.objects.create(
        engine_id=engine.pk, started_at=now - timedelta(days=1), is_start_known=True
    )
    make_reading(epoch, now - timedelta(seconds=31), new=0, cached=0, output=0)
    make_reading(epoch, now - timedelta(seconds=11), new=2_000, cached=600, output=400)
    leases = told(host_blocks_max=200, host_blocks=90)
    say(look_of(engine, running=5, pool_blocks=1_000, used_blocks=450, leases=leases))

    first, lost = rows_of(people, "engines")
    speeds = rows_of(people, "speeds")

    assert (first["engine"], first["is_answering"], first["running"]) == (
        "'=1+1",
        "yes",
        "5",
    )
    assert int(first["output_per_second"]) == pytest.approx(20, abs=1)
    assert (first["kv_unit"], first["kv_hbm_free"]) == ("bytes", str(550 * MB))
    assert (first["kv_host_leased"], first["kv_disk_free"]) == (str(90 * MB), "")
    assert (lost["is_answering"], lost["running"], lost["kv_unit"]) == ("no", "", "")
    most = max(int(row["output_per_second"]) for row in speeds)
    assert most == pytest.approx(20, abs=1)
    steps = [datetime.fromisoformat(row["at_utc"]) for row in speeds]
    step = timedelta(seconds=STEP_SECONDS)
    assert steps == [steps[0] + number * step for number in range(STEPS)]


def test_tiers_below_are_told_apart(people, version, now, say):
    engine = make_engine(served_model=version.served_model)
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, engine, now, blocks=40, tier="host")
    leases = told(host_blocks_max=200, host_blocks=90, held_blocks=0)
    say(look_of(engine, pool_blocks=1_000, leases=leases))

    hbm, host = plant(people).bars

    assert (hbm.tier, hbm.used_percent) == ("hbm", 0)
    assert owners(host) == {
        "running": 0,
        "leased": 50 * MB,
        "reserved": 40 * MB,
        "free": 110 * MB,
    }


def test_an_engine_without_the_plugin_counts_blocks(people, version, say):
    engine = make_engine(served_model=version.served_model)
    say(look_of(engine, running=1, pool_blocks=400, used_blocks=100))

    found = plant(people)

    assert found.bars == []
    (bar,) = found.rows[0].bars
    assert (bar.is_bytes, bar.amount, bar.used_percent) == (False, 400, 25)


def test_what_was_read_a_moment_apart_still_comes_to_the_whole(people, version, say):
    """The leases grew between the two questions."""
    engine = make_engine(served_model=version.served_model)
    leases = told(held_blocks=700)
    say(look_of(engine, pool_blocks=1_000, used_blocks=650, leases=leases))

    (bar,) = plant(people).bars

    assert owners(bar)["running"] == 0
    assert bar.amount == 1_000 * MB


def test_an_engine_that_does_not_answer_is_named(people, version):
    """Nothing listens there."""
    make_engine(served_model=version.served_model, name="lost")
    page = people.client("staff").get("/operator/now/")
    assert [row.engine.name for row in page.context["plant"].silent] == ["lost"]
    assert "does not answer" in page.content.decode()


def test_without_engines_it_says_what_comes(people):
    page = people.client("staff").get("/operator/now/").content.decode()
    assert "No engine is registered yet" in page


def test_it_is_sent_as_events(people, version, say):
    engine = make_engine(served_model=version.served_model)
    say(look_of(engine, running=5))

    response = people.client("staff").get(
        "/operator/now/", headers={"accept": "text/event-stream"}
    )
    events = iter(response.streaming_content)
    assert next(events).startswith(b"retry:")
    first = next(events).decode()
    response.close()

    assert first.startswith("data: ")
    assert "Running" in first
    assert "<html" not in first


def test_engines_are_asked_once_for_all_who_look(people, version, monkeypatch):
    engine = make_engine(served_model=version.served_model)
    asked = []

    def ask(engines):
        asked.append([one.pk for one in engines])
        return {}

    monkeypatch.setattr(engine_looks, "look_at_engines", ask)
    make_engine(served_model=version.served_model, state="unreachable")

    plant(people)
    plant(people)

    assert asked == [[engine.pk]]


def test_the_page_works_without_valkey(people, version, settings, monkeypatch):
    engine = make_engine(served_model=version.served_model)
    monkeypatch.setattr(
        engine_looks,
        "look_at_engines",
        lambda _: {engine.pk: look_of(engine, running=3)},
    )
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    assert plant(people).running == 3
