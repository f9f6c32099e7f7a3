def test_it_works(people):
    response = people.client("owner").post("/settings/", {"name": " Acme  Research "})
    assert response.status_code == 302
    people.tenant.refresh_from_db()
    assert people.tenant.name == "Acme Research"


def test_it_refuses_a_colleague(people):
    response = people.client("colleague").post("/settings/", {"name": "Mine"})
    assert response.status_code == 403
    people.tenant.refresh_from_db()
    assert people.tenant.name == "Acme"


def test_it_refuses_an_empty_name(people):
    response = people.client("owner").post("/settings/", {"name": ""})
    assert response.status_code == 422
    assert response.context["form"].errors["name"]


def test_somebody_without_a_tenant_is_told_so(people):
    people.tenant.members.all().delete()
    response = people.client("colleague").get("/settings/")
    assert response.status_code == 403
    assert "You belong to no tenant" in response.content.decode()
