from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptEvent,
    CachedPromptPlacement,
)
from inference.capacity_models import EngineCapacity
from inference.lease_models import Lease, LeaseCursor, LeaseReceipt
from tests.factories import make_engine, make_user
from tests.inference.lease_books import new_id, receipt, tell


@pytest.fixture
def operator(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["servedmodel", "engine"])
def test_it_works(operator, model):
    engine = make_engine(name="local")
    row: Any = {"engine": engine, "servedmodel": engine.served_model}[model]

    listed = operator.get(reverse(f"admin:inference_{model}_changelist"))
    shown = operator.get(reverse(f"admin:inference_{model}_change", args=[row.pk]))

    assert (listed.status_code, shown.status_code) == (200, 200)
    assert row.name in listed.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Lease, LeaseReceipt, LeaseCursor])
def test_the_books_of_leases_are_shown(operator, model):
    lease_id = new_id()
    tell(make_engine(), receipt(1, lease_id=lease_id))
    name = f"admin:inference_{model._meta.model_name}"

    listed = operator.get(reverse(f"{name}_changelist"), {"q": lease_id})
    row = model.objects.get()
    shown = operator.get(reverse(f"{name}_change", args=[row.pk]))

    assert (listed.status_code, shown.status_code) == (200, 200)


@pytest.mark.parametrize(
    "model",
    [CachedPrompt, CachedPromptPlacement, CachedPromptEvent, EngineCapacity],
)
def test_cached_prompts_are_shown_without_their_content(place, operator, model):
    place.add_engine()
    place.create()
    name = f"admin:inference_{model._meta.model_name}"

    listed = operator.get(reverse(f"{name}_changelist"))
    row = model.objects.order_by("pk").first()
    shown = operator.get(reverse(f"{name}_change", args=[row.pk]))

    assert (listed.status_code, shown.status_code) == (200, 200)
    assert "Answer in one word" not in shown.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("action", "before"), [("drain", False), ("resume", True)])
def test_it_drains_and_resumes(operator, action, before):
    engine = make_engine(is_draining=before)

    operator.post(
        reverse("admin:inference_engine_changelist"),
        {"action": action, "_selected_action": [engine.pk]},
    )

    engine.refresh_from_db()
    assert engine.is_draining is not before


@pytest.mark.django_db
def test_it_refuses_staff_who_may_only_look(client):
    looker = make_user(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_engine"))
    client.force_login(looker)
    engine = make_engine()

    client.post(
        reverse("admin:inference_engine_changelist"),
        {"action": "drain", "_selected_action": [engine.pk]},
    )

    engine.refresh_from_db()
    assert not engine.is_draining


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["servedmodel", "engine"])
def test_it_refuses_to_add_or_delete(operator, model):
    engine = make_engine()
    row: Any = {"engine": engine, "servedmodel": engine.served_model}[model]

    added = operator.get(reverse(f"admin:inference_{model}_add"))
    deleted = operator.post(reverse(f"admin:inference_{model}_delete", args=[row.pk]))

    assert (added.status_code, deleted.status_code) == (403, 403)
    row.refresh_from_db()
