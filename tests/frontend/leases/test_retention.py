"""How a project's conversations are leased, set by an owner."""

import pytest

from tenants.wire import KvTier, OnFull, Retention

HALF_A_MINUTE = {
    "timeout_seconds": "30",
    "tier": "host",
    "on_full": "fail",
    "honours_cache_hints": "on",
}


@pytest.fixture
def path(people):
    return f"/settings/projects/{people.project.pk}/leases/"


def retention(people):
    people.project.refresh_from_db()
    return people.project.retention


def test_it_works(people, path):
    response = people.client("owner").post(path, HALF_A_MINUTE, follow=True)

    assert retention(people) == Retention(
        timeout_seconds=30,
        tier=KvTier.HOST,
        on_full=OnFull.FAIL,
        honours_cache_hints=True,
    )
    page = response.content.decode()
    assert "Saved." in page
    assert "30 s after each turn, in host memory" in page
    assert people.client("owner").get(path).context["form"].initial == {
        "timeout_seconds": 30,
        "tier": "host",
        "on_full": "fail",
        "honours_cache_hints": True,
    }


def test_it_can_be_taken_back(people, path):
    owner = people.client("owner")
    owner.post(path, HALF_A_MINUTE)
    owner.post(path, {"timeout_seconds": "", "tier": "auto", "on_full": "degrade"})

    assert retention(people) == Retention(timeout_seconds=None)


@pytest.mark.parametrize("seconds", ["0", "-1", "86401", "soon"])
def test_it_refuses_other_times(people, path, seconds):
    response = people.client("owner").post(
        path, {**HALF_A_MINUTE, "timeout_seconds": seconds}
    )

    assert response.status_code == 422
    assert response.context["form"].errors["timeout_seconds"]
    assert retention(people).timeout_seconds is None


@pytest.mark.parametrize(("name", "status"), [("colleague", 403), ("stranger", 404)])
def test_it_refuses_who_may_not(people, path, name, status):
    assert people.client(name).post(path, HALF_A_MINUTE).status_code == status
    assert retention(people).timeout_seconds is None
