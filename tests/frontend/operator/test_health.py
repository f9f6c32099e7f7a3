import json
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from billing.models.issue_blocks import IssueBlock
from config.celery import app
from frontend.operator.health import State, by_bounds, read_deliveries, read_journals
from frontend.operator.health_servers import read_postgres, read_valkey
from frontend.operator.health_tasks import read_tasks
from metering.services.quarantine import FOLDER_NAME
from metering.tasks import roll_up_usage
from tenants.mail_models import SentMail
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.task_runs import TaskRun, note_task_run, read_task_runs

ROLL_UP = roll_up_usage.name
CLOSE, CLOSE_MINUTE = "billing.tasks.dun_invoices", 15


def check(part, title):
    return next(one for one in part.checks if one.title == title)


def ran(name, *, at, error=""):
    note_task_run(name, TaskRun(ended_at=at, seconds=0.5, worker="here:1", error=error))


@pytest.fixture
def broker(settings):
    with Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.delete("celery")
        yield client
        client.delete("celery")


def test_it_works(people, broker, now):
    del broker
    ran(ROLL_UP, at=now)
    page = people.client("staff").get("/operator/health/").content.decode()
    for title in ("Usage", "Tasks", "Valkey", "PostgreSQL", "Reconciliation"):
        assert f'aria-label="{title}"' in page
    assert "roll up usage" in page
    assert "Largest tables" in page
    part = people.client("staff").get(
        "/operator/health/", headers={"hx-request": "true"}
    )
    assert "<html" not in part.content.decode()


@pytest.mark.parametrize(
    ("value", "state"), [(1, State.GOOD), (2, State.WAIT), (5, State.BAD)]
)
def test_bounds_are_from_on(value, state):
    assert by_bounds(value, 2, 5) is state


@pytest.mark.django_db
def test_each_end_of_a_task_is_noted_by_celery_itself(broker):
    del broker
    app.tasks[ROLL_UP].apply()
    run = read_task_runs([ROLL_UP])[ROLL_UP]
    assert run.error == ""
    assert datetime.now(UTC) - run.ended_at < timedelta(minutes=1)


@pytest.mark.django_db
def test_a_task_that_fails_says_why(broker, monkeypatch):
    del broker

    def fail():
        raise ValueError("no room")

    monkeypatch.setattr("metering.tasks.roll_up.roll_up_usage", fail)
    app.tasks[ROLL_UP].apply()
    assert read_task_runs([ROLL_UP])[ROLL_UP].error == "ValueError: no room"
    tasks, _ = read_tasks(now=datetime.now(UTC))
    assert "roll up usage" in check(tasks, "Schedule").says


def test_tasks_that_are_late_are_told_from_those_in_time(broker, now):
    del broker
    ran(ROLL_UP, at=now - timedelta(minutes=20))
    ran(CLOSE, at=now - timedelta(minutes=(now.minute - CLOSE_MINUTE) % 60))
    tasks, scheduled = read_tasks(now=now)
    rows = {one.task: one for one in scheduled}
    assert rows[ROLL_UP].state is State.BAD
    assert rows[CLOSE].state is State.GOOD  # since it was woken last, in each hour
    assert check(tasks, "Schedule").state is State.BAD
    assert check(tasks, "Workers").state is State.BAD
    ran(ROLL_UP, at=now)
    tasks, _ = read_tasks(now=now)
    assert check(tasks, "Workers").state is State.GOOD


def test_the_queue_says_its_length_and_its_oldest(broker, now):
    sent = now - timedelta(seconds=400)
    expires = (sent + timedelta(seconds=10)).isoformat()
    message = {"headers": {"task": ROLL_UP, "expires": expires}}
    broker.lpush("celery", json.dumps(message), json.dumps({"headers": {}}))
    broker.lpush("celery", json.dumps({}))
    tasks, _ = read_tasks(now=now)
    queue = check(tasks, "Queue")
    assert "Waiting messages: 3." in queue.says
    assert "400 s" in queue.says
    assert queue.state is State.BAD


def test_without_valkey_it_says_so(people, settings):
    dead = "redis://127.0.0.1:1/2"
    settings.CELERY_BROKER_URL = settings.VALKEY_URL = dead
    page = people.client("staff").get("/operator/health/").content.decode()
    assert "Valkey does not answer, so that no task runs." in page
    assert "make logs NAME=valkey" in page


@pytest.mark.django_db
def test_what_proxies_were_told_grows_old(valkey):
    now = datetime.now(UTC)
    valkey.flushdb()
    assert check(read_valkey(now=now), "Snapshots").state is State.BAD
    publish_key_policies()
    assert check(read_valkey(now=now), "Snapshots").state is State.GOOD
    later = now + timedelta(minutes=10)
    assert check(read_valkey(now=later), "Snapshots").state is State.WAIT


@pytest.mark.django_db
def test_files_that_were_set_aside_need_somebody(settings, tmp_path):
    settings.JOURNAL_FOLDER = tmp_path
    now = datetime.now(UTC)
    assert check(read_journals(now=now), "Set aside").state is State.GOOD
    folder = tmp_path / FOLDER_NAME / "0"
    folder.mkdir(parents=True)
    (folder / "x.journal").touch()
    aside = check(read_journals(now=now), "Set aside")
    assert (aside.state, aside.chapter) == (State.BAD, "Journals")


@pytest.mark.django_db
def test_a_journal_elsewhere_is_not_called_well(settings, tmp_path):
    settings.JOURNAL_FOLDER = tmp_path / "none"
    part = read_journals(now=datetime.now(UTC))
    assert check(part, "Shipper").state is State.WAIT


@pytest.mark.django_db
def test_postgresql_is_asked_itself():
    part, tables = read_postgres()
    assert "PostgreSQL 1" in check(part, "Database").says
    assert tables
    assert tables[0].size >= tables[-1].size


def test_drafts_and_mails_that_are_stuck_are_counted(people, invoice, now):
    assert check(read_deliveries(now=now), "Invoices").state is State.GOOD
    IssueBlock.objects.create(
        tenant=people.tenant, invoice=invoice, code="x", reason="y", since=now
    )
    SentMail.objects.create(kind="budget", recipient="x@x.example", error="Refused")
    part = read_deliveries(now=now + timedelta(minutes=1))
    assert check(part, "Invoices").state is State.BAD
    assert check(part, "Mails").state is not State.GOOD
    page = people.client("staff").get("/operator/health/").content.decode()
    assert 'href="/operator/blocked/"' in page
