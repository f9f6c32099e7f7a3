"""Whose calls are whose: a call is the member's who made its API key."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import BigIntegerField, F, Max, Q, QuerySet
from django.db.models.expressions import RawSQL

from frontend.calls.call_forms import find_named
from frontend.lazy import lazy as _
from tenants.models import ApiKey, Member, Tenant

MAKERS_OFFERED = 100
"""Those whose keys were used last. Others are reached by their lines of the table."""
FORMER = "former"
OPERATOR = "operator"
MADE_BY = "made_by"
"""The id of the user who made a row's key."""
_OTHERS = {
    FORMER: _("No longer a member"),
    OPERATOR: _("Operator or deleted user"),
}


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Of keys: a member, all who were one together, or nobody who is known."""

    value: str
    """As an address names it: the member's id, FORMER or OPERATOR."""
    title: str
    tenant_id: int
    user_id: int | None
    """Of a member."""

    def made(self, column: str) -> Q:
        """What `column` must be, which has the id of a key's creator."""
        if self.value == OPERATOR:
            return Q(**{column: None})
        if self.value == FORMER:
            members = Member.objects.filter(tenant=self.tenant_id).values("user")
            return ~Q(**{column: None}) & ~Q(**{f"{column}__in": members})
        return Q(**{column: self.user_id})


@dataclass(frozen=True, kw_only=True)
class Makers:
    listed: list[Maker]
    """Whoever made a key; those whose keys were used last come first."""
    members: dict[int, Maker]
    """By the user's id, whether or not they made a key."""
    former: Maker
    operator: Maker

    def of(self, user_id: int | None) -> Maker:
        """Who a key's `created_by` is."""
        if user_id is None:
            return self.operator
        return self.members.get(user_id, self.former)

    def offered(self, chosen: Maker | None) -> list[Maker]:
        """By name; with the chosen one, whether or not it made a key."""
        found = {one.value: one for one in self.listed[:MAKERS_OFFERED]}
        if chosen:
            found[chosen.value] = chosen
        return sorted(found.values(), key=lambda one: (one.value in _OTHERS, one.title))


def makers_of(tenant: Tenant) -> Makers:
    members = Member.objects.filter(tenant=tenant).select_related("user")
    found = Makers(
        listed=[],
        members={member.user_id: _of_member(member) for member in members},
        former=_other(tenant, FORMER),
        operator=_other(tenant, OPERATOR),
    )
    keys = ApiKey.objects.filter(tenant=tenant).order_by().values_list("created_by")
    used = keys.annotate(at=Max("last_used_at"))
    latest = used.order_by(F("at").desc(nulls_last=True), "created_by")
    listed = {one.value: one for one in (found.of(row[0]) for row in latest)}
    return replace(found, listed=list(listed.values()))


def find_maker(tenant: Tenant, wanted: str) -> Maker | None:
    """None: nobody was named. Raises Member.DoesNotExist for who is no member."""
    if wanted in _OTHERS:
        return _other(tenant, wanted)
    member = find_named(Member, tenant, wanted)
    return _of_member(member) if member else None


def keys_of(maker: Maker) -> QuerySet[ApiKey, Any]:
    """Their ids, as a subquery: nobody counts how many they are."""
    keys = ApiKey.objects.filter(tenant_id=maker.tenant_id)
    return keys.filter(maker.made("created_by")).values("pk")


def with_makers(rows: Any) -> Any:
    """Rows that have `api_key_id`, each with MADE_BY. What counts calls has no foreign
    keys; and by subqueries instead of a join, PostgreSQL would not know how few groups
    there are: it sorts all rows, on disk.
    """
    table = rows.model._meta.db_table  # noqa: SLF001  Django's public name
    joined = rows.extra(  # noqa: S610  the name of a table of ours
        tables=["tenants_apikey"], where=[f"tenants_apikey.id = {table}.api_key_id"]
    )
    creator = RawSQL("tenants_apikey.created_by_id", (), BigIntegerField())
    return joined.annotate(**{MADE_BY: creator})


def are_of(makers: Iterable[Maker]) -> Q:
    """What rows with MADE_BY must be."""
    return reduce(or_, (one.made(MADE_BY) for one in makers))


def _of_member(member: Member) -> Maker:
    return Maker(
        value=str(member.pk),
        title=member.user.email,
        tenant_id=member.tenant_id,
        user_id=member.user_id,
    )


def _other(tenant: Tenant, value: str) -> Maker:
    title = str(_OTHERS[value])
    return Maker(value=value, title=title, tenant_id=tenant.pk, user_id=None)
