"""What the usage page's address asks for. All of its state is there, so that a link or
a saved view shows the same again.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, QueryDict

from frontend.access import Access
from frontend.calls.call_forms import find_named
from frontend.keys.offered_keys import offered_keys
from frontend.usage.explorer import (
    COLUMNS,
    GROUPINGS,
    SERIES_MAX,
    Explored,
    Grouping,
    Showing,
    explore,
)
from frontend.usage.explorer_rows import HOURS_OF_MEMBERS_MAX, Source
from frontend.usage.makers import Maker, Makers, find_maker, keys_of, makers_of
from frontend.usage.ranges import DAY, HOUR, MINUTE, Range, before, find_span
from inference.models import ServedModel
from tenants.models import ApiKey, Member, Project
from tenants.saved_view_models import SavedView

KEPT = (
    "range",
    "from",
    "to",
    "per",
    "by",
    "show",
    "model",
    "project",
    "key",
    "member",
    "compare",
)
"""Parameters of an address, in this order."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    span: Range
    grouping: Grouping
    show: Showing
    api_key: ApiKey | None
    """None: all keys; so with the next three."""
    project: Project | None
    maker: Maker | None
    model: str
    compare: bool
    said: dict[str, str]
    """The parameters, less what is empty or unknown."""

    @property
    def query(self) -> str:
        return urlencode(self.said)

    @property
    def is_filtered(self) -> bool:
        return bool(self.api_key or self.project or self.maker or self.model)

    @property
    def has_endpoints(self) -> bool:
        """Endpoints are summed for all keys together; of minutes, for each."""
        return self.span.bucket == MINUTE or not (self.api_key or self.maker)

    @property
    def pers(self) -> list[str]:
        """The sizes of buckets that it may be shown in."""
        return [
            per for per in self.span.pers if not (per == "hour" and self.is_too_long)
        ]

    @property
    def is_too_long(self) -> bool:
        """For hours of members."""
        is_of_members = self.maker is not None or self.grouping == "member"
        length = self.span.end - self.span.start
        return is_of_members and length > HOURS_OF_MEMBERS_MAX

    @property
    def filters(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.api_key:
            found["api_key_id"] = self.api_key.pk
        if self.project:
            found["project_id"] = self.project.pk
        if self.maker:
            found["api_key_id__in"] = keys_of(self.maker)
        if self.model:
            found["model"] = self.model
        return found


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What can be chosen from."""

    keys: list[ApiKey]
    projects: list[Project]
    makers: list[Maker]
    models: list[str]
    all_makers: Makers


def select(request: HttpRequest, access: Access, *, now: datetime) -> Selection:
    """Another tenant's key, project or member answers as one that is not there."""
    query = request.GET
    try:
        api_key = find_named(ApiKey, access.tenant, query.get("key", ""))
        project = find_named(Project, access.tenant, query.get("project", ""))
        maker = find_maker(access.tenant, query.get("member", ""))
    except (ApiKey.DoesNotExist, Project.DoesNotExist, Member.DoesNotExist):
        raise Http404 from None
    by, show = query.get("by", ""), query.get("show", "")
    found = Selection(
        span=find_span(query, now=now),
        grouping=next((one for one in GROUPINGS if one == by), "kind"),
        show=next((one for one in get_args(Showing) if one == show), "tokens"),
        api_key=api_key,
        project=project,
        maker=maker,
        model=query.get("model", "")[:255],
        compare=query.get("compare") == "1",
        said=_said(query),
    )
    if found.grouping == "endpoint" and not found.has_endpoints:
        found = replace(found, grouping="kind")
    if found.is_too_long and found.span.bucket == HOUR:
        found = replace(found, span=replace(found.span, bucket=DAY))
    return found


def kept_query(query: QueryDict) -> str:
    """What of an address the page understands, as part of one."""
    return urlencode(_said(query))


def views_of(access: Access) -> list[SavedView]:
    mine = SavedView.objects.filter(tenant=access.tenant, user=access.user)
    return list(mine.order_by("name"))


def _said(query: QueryDict) -> dict[str, str]:
    return {name: str(query[name])[:100] for name in KEPT if query.get(name)}


def offered(access: Access, chosen: Selection) -> Offered:
    names = ServedModel.objects.order_by("name").values_list("name", flat=True)
    projects = Project.objects.filter(tenant=access.tenant).order_by("name", "pk")
    makers = makers_of(access.tenant)
    return Offered(
        keys=offered_keys(ApiKey.objects.filter(tenant=access.tenant), chosen.api_key),
        projects=list(projects),
        makers=makers.offered(chosen.maker),
        all_makers=makers,
        models=list(names),
    )


def explore_selection(access: Access, chosen: Selection, choices: Offered) -> Explored:
    keys = {key.pk: key for key in choices.keys}
    source = Source(
        tenant_id=access.tenant.pk,
        span=chosen.span,
        filters=chosen.filters,
        project_of_key={pk: key.project_id for pk, key in keys.items()},
        makers=_makers_of(chosen, choices.all_makers),
    )
    column = COLUMNS.get(chosen.grouping)
    wanted: list[Any] = []
    if column:
        wanted = source.largest(column, show=chosen.show, limit=SERIES_MAX)
    names: dict[Any, str] = {one.pk: one.name for one in choices.projects}
    if chosen.grouping == "member":
        names = {one.value: one.title for one in source.makers.listed}
    if chosen.grouping == "key":
        keys = {key.pk: key for key in _named(access, wanted)}
        of_keys = {pk: key.project_id for pk, key in keys.items()}
        source = replace(source, project_of_key=of_keys)
        wanted = [pk for pk in wanted if pk in keys]
        names = {pk: key.name for pk, key in keys.items()}
    earlier = replace(source, span=before(chosen.span)) if chosen.compare else None
    return explore(
        source,
        grouping=chosen.grouping,
        show=chosen.show,
        wanted=wanted,
        names=names,
        earlier=earlier,
    )


def _makers_of(chosen: Selection, makers: Makers) -> Makers:
    """Who it may be, by the filters: of a key or of a member, the one."""
    if chosen.maker:
        return replace(makers, listed=[chosen.maker])
    if chosen.api_key:
        return replace(makers, listed=[makers.of(chosen.api_key.created_by_id)])
    return makers


def _named(access: Access, wanted: list[Any]) -> list[ApiKey]:
    return list(ApiKey.objects.filter(tenant=access.tenant, pk__in=wanted))
