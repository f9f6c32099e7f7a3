import pytest

from tenants.models import User
from tenants.services.make_operator_login import make_operator_login
from tests.frontend.people import client_of


@pytest.mark.django_db
def test_the_login_link_works_once():
    path = make_operator_login()
    first, second = client_of(None), client_of(None)
    assert first.head(path).status_code == 405
    response = first.get(path)
    assert (response.status_code, response["Location"]) == (302, "/operator/")
    assert first.get("/operator/").status_code == 200
    assert second.get(path).status_code == 403
    assert second.get("/operator/").status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["token", "user", "nonsense"])
def test_it_refuses_a_link_that_was_not_given(change):
    *_, uid, token, _ = make_operator_login().split("/")
    path = {
        "token": f"/operator/login/{uid}/{token[:-1]}x/",
        "user": f"/operator/login/MTIzNDU2/{token}/",
        "nonsense": f"/operator/login/%C3%A4/{token}/",
    }[change]
    assert client_of(None).get(path).status_code == 403


@pytest.mark.django_db
def test_it_refuses_a_link_of_somebody_who_is_no_longer_staff():
    path = make_operator_login()
    User.objects.update(is_staff=False)
    assert client_of(None).get(path).status_code == 403
