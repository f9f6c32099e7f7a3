"""PostgreSQL hides other tenants' rows from whoever only reads."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import ProgrammingError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from frontend.access import tenant_page
from tenants.models import Project, Tenant, User
from tenants.row_security import across_tenants, reading_as, secure_rows
from tests.factories import make_project, make_tenant, make_user

pytestmark = pytest.mark.django_db

_UNGUARDED = """
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relrowsecurity
    AND c.relnamespace = current_schema()::regnamespace
"""
_GRANTED = """
SELECT c.relname FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
    AND c.relnamespace = current_schema()::regnamespace
    AND has_table_privilege('tokenfab_reader', c.oid, 'SELECT')
"""


@pytest.fixture
def ours():
    return make_project(tenant=make_tenant(name="Ours", owner=make_user()))


@pytest.fixture
def theirs():
    return make_project(tenant=make_tenant(name="Theirs", owner=make_user()))


def _rows(statement: str) -> set[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return {name for (name,) in cursor.fetchall()}


def test_it_works(ours, theirs):
    with reading_as(ours.tenant_id):
        assert set(Project.objects.all()) == set(ours.tenant.projects.all())
        assert list(Tenant.objects.all()) == [ours.tenant]
        assert set(User.objects.all()) == {
            one.user for one in ours.tenant.members.all()
        }

    assert {ours, theirs} <= set(Project.objects.all())


def test_the_planner_knows_a_large_tenant_from_a_small_one(ours, theirs):
    for number in range(300):
        make_project(tenant=ours.tenant, name=f"Project {number}")

    def expected() -> int:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (FORMAT JSON) SELECT FROM tenants_project")
            return int(cursor.fetchone()[0][0]["Plan"]["Plan Rows"])

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tenants_project")
    with reading_as(ours.tenant_id):
        assert expected() > 200
    with reading_as(theirs.tenant_id):
        assert expected() < 20


def test_it_refuses_to_write(ours):
    refused = pytest.raises(ProgrammingError, match="denied")
    with reading_as(ours.tenant_id), refused, transaction.atomic():
        Project.objects.filter(pk=ours.pk).update(name="Changed")

    assert Project.objects.filter(pk=ours.pk, name=ours.name).exists()


def test_it_refuses_what_names_no_tenant(ours):
    refused = pytest.raises(ProgrammingError, match="denied")
    with reading_as(ours.tenant_id), refused, transaction.atomic():
        _rows("SELECT payload::text FROM billing_stripeevent")


def test_it_ends_with_an_error(ours, theirs):
    failing = pytest.raises(ProgrammingError)
    with failing, transaction.atomic(), reading_as(ours.tenant_id):
        _rows("SELECT nothing FROM nowhere")

    assert theirs in Project.objects.all()


def test_a_number_about_all_tenants_is_counted_across_them(ours, theirs):
    with reading_as(ours.tenant_id):
        with across_tenants():
            assert theirs in Project.objects.all()
        assert theirs not in Project.objects.all()


def test_what_is_across_tenants_stays_so_after_a_part_that_is_too(ours, theirs):
    with reading_as(ours.tenant_id):
        with across_tenants():
            with across_tenants():
                assert theirs in Project.objects.all()
            assert theirs in Project.objects.all()
        assert theirs not in Project.objects.all()


def test_an_error_across_tenants_is_told_as_it_is(ours, theirs):
    with reading_as(ours.tenant_id):
        failing = pytest.raises(ProgrammingError, match="nowhere")
        with failing, transaction.atomic(), across_tenants():
            _rows("SELECT nothing FROM nowhere")
        assert theirs not in Project.objects.all()


def test_a_page_that_forgets_to_ask_whose_rows_they_are(ours, theirs):
    @tenant_page
    def forgetful(request, access):
        del request, access
        seen.update(Project.objects.all())
        return HttpResponse()

    seen: set[Project] = set()
    request = RequestFactory().get("/")
    request.user, request.session = ours.tenant.members.get().user, SessionBase()
    forgetful(request)
    assert {project.tenant for project in seen} == {ours.tenant}
    assert theirs in Project.objects.all()


def test_every_table_of_tenants_is_behind_the_wall():
    assert _rows(_UNGUARDED) == set()
    assert _rows(_GRANTED) == set(settings.SHARED_TABLES)


def test_a_new_table_comes_behind_the_wall(ours):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE fresh (id int, tenant_id bigint NOT NULL)")
        cursor.execute("INSERT INTO fresh VALUES (1, %s), (2, -1)", [ours.tenant_id])
    secure_rows(settings.SHARED_TABLES)
    secure_rows(settings.SHARED_TABLES)  # changes nothing

    with reading_as(ours.tenant_id):
        assert _rows("SELECT id FROM fresh") == {1}
