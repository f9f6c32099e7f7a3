"""The audit log: what is in it, by whom, and that it stays."""

import pytest
from django.db import DatabaseError, transaction

from tenants.audit_models import WORDS_CHARACTERS_MAX, AuditEntry
from tenants.domain.actors import SYSTEM, Actor, ActorKind, act_as, acting, set_actor
from tenants.services.note_act import note_act
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db
OLGA = Actor(kind=ActorKind.USER, id=7, name="olga@acme.example")


def note(tenant, action="tenant.renamed", words="from A to B"):
    note_act(action, tenant_id=tenant.pk, about=tenant, words=words)
    return AuditEntry.objects.latest("pk")


def test_it_works():
    tenant = make_tenant()
    with act_as(OLGA):
        entry = note(tenant)
    assert entry.tenant == tenant
    assert (entry.actor_kind, entry.actor_id) == (ActorKind.USER, 7)
    assert entry.actor_name == "olga@acme.example"
    assert (entry.action, entry.about_id) == ("tenant.renamed", str(tenant.pk))
    assert entry.words == "from A to B"
    entry.refresh_from_db()
    assert entry.at.tzinfo is not None


def test_what_nobody_does_is_done_by_the_product():
    entry = note(make_tenant())
    assert (entry.actor_kind, entry.actor_id) == (ActorKind.SYSTEM, None)


def test_an_actor_ends_with_the_call():
    with act_as(OLGA):
        set_actor(Actor(kind=ActorKind.KEY, id=1, name="tf_live_abcd…"))
        assert acting().kind == ActorKind.KEY
    assert acting() == SYSTEM


def test_long_words_are_cut():
    assert len(note(make_tenant(), words="x" * 1000).words) == WORDS_CHARACTERS_MAX


@pytest.mark.parametrize("change", ["update", "delete"])
def test_it_refuses_changes(change):
    entry = note(make_tenant())
    mine = AuditEntry.objects.filter(pk=entry.pk)
    refused = pytest.raises(DatabaseError, match="the audit log is kept")
    with refused, transaction.atomic():
        mine.update(words="") if change == "update" else mine.delete()
    assert mine.get().words == "from A to B"


def test_it_refuses_an_action_of_another_shape():
    with pytest.raises(DatabaseError):
        note(make_tenant(), action="Renamed it")
