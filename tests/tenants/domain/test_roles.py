import pytest

from tenants.domain.roles import (
    OF_API_KEYS,
    PERMISSIONS,
    Permission,
    Role,
    may_set_role,
    roles_with,
)


def test_it_works():
    assert PERMISSIONS.keys() == set(Role)
    assert roles_with(Permission.OWN) == [Role.OWNER]
    assert roles_with(Permission.MANAGE) == [Role.OWNER, Role.ADMIN]
    assert roles_with(Permission.LIMIT) == [Role.OWNER, Role.ADMIN]
    assert roles_with(Permission.BUILD) == [Role.OWNER, Role.ADMIN, Role.DEVELOPER]
    assert roles_with(Permission.PAY) == [Role.OWNER, Role.ADMIN, Role.BILLING]
    assert roles_with(Permission.VIEW) == list(Role)


def test_a_key_neither_pays_nor_manages():
    assert {Permission.VIEW, Permission.BUILD} == OF_API_KEYS


@pytest.mark.parametrize("by", Role)
@pytest.mark.parametrize("before", [None, *Role])
@pytest.mark.parametrize("after", [None, *Role])
def test_who_sets_a_role(by, before, after):
    may = may_set_role(by, before=before, after=after)
    if Role.OWNER in {before, after}:
        assert may == (by == Role.OWNER)
    else:
        assert may == (by in {Role.OWNER, Role.ADMIN})
