import msgspec
import pytest

from tenants.audit_models import AuditEntry
from tenants.errors import InvalidRetentionError, ProjectNotFoundError
from tenants.services.set_text_retention import set_text_retention
from tenants.wire import SNAPSHOT_KIND, KeyPolicy
from tests.factories import make_api_key, make_project, make_tenant
from tests.published import published


def put(project, days, **changes):
    given = {"project_id": project.pk, "tenant_id": project.tenant_id, **changes}
    return set_text_retention(days=days, **given)


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    project = make_project()
    make_api_key(project=project)

    def keeps():
        items = published(valkey, SNAPSHOT_KIND).items
        (policy,) = msgspec.convert(items, list[KeyPolicy])
        return policy.keeps_texts

    assert put(project, 30)
    assert keeps()
    assert not put(project, 30)
    assert put(project, None)
    assert not keeps()
    words = AuditEntry.objects.order_by("pk").values_list("words", flat=True)
    assert list(words) == ["Default: 30 days", "Default: not kept"]


@pytest.mark.django_db
@pytest.mark.parametrize("days", [0, -1, 91])
def test_it_refuses_other_times(days):
    with pytest.raises(InvalidRetentionError):
        put(make_project(), days)


@pytest.mark.django_db
def test_it_refuses_a_project_of_others():
    with pytest.raises(ProjectNotFoundError):
        put(make_project(), 7, tenant_id=make_tenant(name="Other").pk)
