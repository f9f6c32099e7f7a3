"""What the members of a tenant may do, by their role: the one table that says so."""

from enum import StrEnum


class Role(StrEnum):
    """From the most to the least that a member may do."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    BILLING = "billing"
    VIEWER = "viewer"


class Permission(StrEnum):
    VIEW = "view"
    """See what is used, what it costs, and the documents."""
    BUILD = "build"
    """Keys, cached prompts, leases and webhooks."""
    LIMIT = "limit"
    """Limits, and how conversations are leased."""
    PAY = "pay"
    """Plan, credit, cards, payments, budgets, and what invoices say."""
    MANAGE = "manage"
    """The tenant's name, its projects, its members, and who did what."""
    OWN = "own"
    """Make somebody an owner, or an owner something less."""


_EVERYTHING = frozenset(Permission)
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _EVERYTHING,
    Role.ADMIN: _EVERYTHING - {Permission.OWN},
    Role.DEVELOPER: frozenset({Permission.VIEW, Permission.BUILD}),
    Role.BILLING: frozenset({Permission.VIEW, Permission.PAY}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}
OF_API_KEYS = PERMISSIONS[Role.DEVELOPER]
"""A key in a program's hands neither pays nor lets anybody in."""


def roles_with(permission: Permission) -> list[Role]:
    return [role for role in Role if permission in PERMISSIONS[role]]


def may_set_role(by: Role, *, before: Role | None, after: Role | None) -> bool:
    """Whether a member of role `by` may change another's. `before` None: an
    invitation; `after` None: a removal. Owners are made and unmade by owners alone.
    """
    needed = Permission.OWN if Role.OWNER in {before, after} else Permission.MANAGE
    return needed in PERMISSIONS[by]
