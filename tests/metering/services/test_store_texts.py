"""Texts from Valkey into PostgreSQL, once each, for projects that want them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from metering.services.forget_texts import forget_texts
from metering.services.store_texts import store_texts
from metering.text_models import KeptText
from metering.wire import CALL_TEXTS_KEY, CallText
from tests.factories import make_project

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def project():
    project = make_project()
    project.text_retention_days = 7
    project.save()
    return project


def hand_over(valkey, project, **changes):
    values = {
        "event_id": uuid4().hex,
        "tenant_id": project.tenant_id,
        "project_id": project.pk,
        "happened_at_us": int(NOON.timestamp() * 1_000_000),
        "request": '{"messages":[]}',
        "answer": "{}",
    }
    text = msgspec.json.encode(CallText(**{**values, **changes}))
    valkey.rpush(CALL_TEXTS_KEY, text)
    return text


def test_it_works(valkey, project):
    hand_over(valkey, project, answer="Grüße")

    assert store_texts() == 1

    kept = KeptText.objects.get()
    assert (kept.tenant_id, kept.project_id) == (project.tenant_id, project.pk)
    assert (kept.happened_at, kept.answer) == (NOON, "Grüße")
    assert valkey.llen(CALL_TEXTS_KEY) == 0


def test_it_takes_more_than_one_batch(valkey, project):
    for _ in range(250):
        hand_over(valkey, project)

    assert store_texts() == 250
    assert KeptText.objects.count() == 250


def test_it_stores_a_text_once(valkey, project):
    text = hand_over(valkey, project)
    store_texts()
    valkey.rpush(CALL_TEXTS_KEY, text)  # as after a crash before it was taken away

    assert store_texts() == 1
    assert KeptText.objects.count() == 1


def test_it_leaves_what_the_project_no_longer_wants(valkey, project):
    hand_over(valkey, project)
    project.text_retention_days = None
    project.save()

    assert store_texts() == 1
    assert not KeptText.objects.exists()


def test_it_forgets_what_is_too_old(valkey, project):
    week = timedelta(days=7)
    for age in (timedelta(0), timedelta(seconds=1)):
        happened = NOON - age
        hand_over(valkey, project, happened_at_us=int(happened.timestamp() * 1_000_000))
    store_texts()

    assert forget_texts(now=NOON + week) == 1
    assert KeptText.objects.get().happened_at == NOON


def test_it_forgets_all_of_a_project_that_keeps_none(valkey, project):
    hand_over(valkey, project)
    store_texts()
    other = make_project(tenant=project.tenant, name="Other")
    other.text_retention_days = 1
    other.save()
    hand_over(valkey, other)
    store_texts()
    project.text_retention_days = None
    project.save()

    assert forget_texts(now=NOON) == 1
    assert KeptText.objects.get().project_id == other.pk
