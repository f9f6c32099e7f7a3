"""The staff log: what is in it, by whom, and that it stays."""

import pytest
from django.db import DatabaseError, connection, transaction

from tenants.audit_models import StaffEntry
from tenants.domain.actors import Actor, ActorKind, act_as
from tenants.services.note_staff_act import note_staff_act
from tests.factories import make_engine

pytestmark = pytest.mark.django_db
SAM = Actor(kind=ActorKind.STAFF, id=3, name="sam@tokenfab.example")


def note(engine, action="engine.drained"):
    note_staff_act(action, about=engine, words="for new memory")
    return StaffEntry.objects.latest("pk")


def test_it_works():
    engine = make_engine()
    with act_as(SAM):
        entry = note(engine)
    assert (entry.actor_kind, entry.actor_id) == (ActorKind.STAFF, 3)
    assert entry.actor_name == "sam@tokenfab.example"
    assert (entry.action, entry.about_id) == ("engine.drained", str(engine.pk))
    assert entry.words == "for new memory"


@pytest.mark.parametrize("change", ["update", "delete"])
def test_it_refuses_changes(change):
    entry = note(make_engine())
    found = StaffEntry.objects.filter(pk=entry.pk)
    refused = pytest.raises(DatabaseError, match="the audit log is kept")
    with refused, transaction.atomic():
        found.update(words="") if change == "update" else found.delete()
    assert found.get().words == "for new memory"


def test_it_refuses_to_be_emptied():
    refused = pytest.raises(DatabaseError, match="the audit log is kept")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE tenants_staffentry")


def test_it_refuses_an_action_of_another_shape():
    with pytest.raises(DatabaseError):
        note(make_engine(), action="Drained it")
