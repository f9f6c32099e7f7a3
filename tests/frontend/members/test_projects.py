"""Projects, through the pages."""

from tests.factories import make_project

PAGE = "/settings/projects/"


def test_it_works(people):
    owner = people.client("owner")
    assert owner.post(PAGE, {"name": "Search"}).status_code == 302
    project = people.tenant.projects.get(name="Search")
    assert "Search" in people.client("colleague").get(PAGE).content.decode()
    owner.post(f"{PAGE}{project.pk}/rename/", {"name": "Chat"})
    project.refresh_from_db()
    assert project.name == "Chat"
    owner.post(f"{PAGE}{project.pk}/archive/", {"name": " Chat "})
    project.refresh_from_db()
    assert project.archived_at is not None
    assert "Archived" in owner.get(PAGE).content.decode()
    assert owner.get(f"{PAGE}{project.pk}/archive/").status_code == 404


def test_it_refuses_to_archive_without_the_name(people):
    make_project(tenant=people.tenant, name="Other")
    archive = f"{PAGE}{people.project.pk}/archive/"
    answer = people.client("owner").post(archive, {"name": "Othr"})
    assert answer.status_code == 422
    assert 'value="Othr"' in answer.text
    assert "It is not the same" in str(answer.context["form"].errors["name"])
    people.project.refresh_from_db()
    assert people.project.archived_at is None


def test_it_says_which_keys_go(people):
    make_project(tenant=people.tenant, name="Other")
    page = people.client("owner").get(f"{PAGE}{people.project.pk}/archive/")
    assert people.api_key.prefix in page.content.decode()


def test_it_refuses_a_taken_name_beside_its_field(people):
    answer = people.client("owner").post(PAGE, {"name": people.project.name})
    assert answer.status_code == 422
    assert "already" in str(answer.context["form"].errors["name"])


def test_it_refuses_to_archive_the_last_one(people):
    archive = f"{PAGE}{people.project.pk}/archive/"
    people.client("owner").post(archive, {"name": people.project.name})
    people.project.refresh_from_db()
    assert people.project.archived_at is None


def test_it_refuses_a_colleague(people):
    assert people.client("colleague").post(PAGE, {"name": "Mine"}).status_code == 403
