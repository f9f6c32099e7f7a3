"""Lists that the database sorts, searches and pages, as their address says.

`?sort=-issued` sorts, `?q=` searches, `?after=12` goes on behind the row of that id, so
that what is added or goes meanwhile moves nothing. The rest of the address is kept. A
list that lies beside another on its page has a prefix before these names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import Http404, QueryDict

ROWS = 50
_SEARCH_CHARACTERS_MAX = 100
_ID_DIGITS_MAX = 18
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Of one list."""

    sorts: Mapping[str, str | Combinable]
    """What an address may name -> column; none may be null (Coalesce)."""
    default: str
    """With a minus before it: falling."""
    search: tuple[str, ...] = ()
    """Columns that `?q=` looks into; none: it cannot be searched."""
    prefix: str = ""
    rows: int = ROWS


@dataclass(frozen=True, kw_only=True)
class Head:
    """A column's head that sorts."""

    query: str
    aria_sort: str
    """Empty: the list is sorted by another."""


@dataclass(frozen=True, kw_only=True)
class Table(Generic[Row]):
    rows: list[Row]
    heads: Mapping[str, Head]
    wanted: str
    """What was searched."""
    search_name: str
    """Of the parameter; empty: it cannot be searched."""
    kept: tuple[tuple[str, str], ...]
    """The rest of the address, for the form that searches."""
    query: str
    """Of this list without the place."""
    all_query: str
    """And without what was searched."""
    next_query: str
    """Empty: this is the last page."""
    is_first: bool


def read_table(query: QueryDict, rows: QuerySet[Row], rules: Rules) -> Table[Row]:
    """Two queries at most. Raises Http404 for a place that is none of the list's."""
    names = {name: rules.prefix + name for name in ("sort", "q", "after")}
    sort = query.get(names["sort"], "")
    if sort.removeprefix("-") not in rules.sorts:
        sort = rules.default
    wanted = query.get(names["q"], "")[:_SEARCH_CHARACTERS_MAX].strip()
    if not rules.search or "\0" in wanted:
        wanted = ""
    said = query.copy()
    said.pop(names["after"], None)
    after = query.get(names["after"], "")
    placed = rows.annotate(place=_column(rules, sort))
    found = placed.filter(_search(rules, wanted))
    found = found.filter(behind(placed, after, is_falling=sort.startswith("-")))
    sign = "-" if sort.startswith("-") else ""
    listed = list(found.order_by(f"{sign}place", f"{sign}pk")[: rules.rows + 1])
    shown = listed[: rules.rows]
    more = listed[rules.rows :]
    return Table(
        rows=shown,
        heads={name: _head(name, sort, said, rules) for name in rules.sorts},
        wanted=wanted,
        search_name=names["q"] if rules.search else "",
        kept=tuple((name, str(said[name])) for name in said if name != names["q"]),
        query=said.urlencode(),
        all_query=_changed(said, names["q"], ""),
        next_query=_changed(said, names["after"], shown[-1].pk) if more else "",
        is_first=not after,
    )


def _column(rules: Rules, sort: str) -> Combinable:
    column = rules.sorts[sort.removeprefix("-")]
    return F(column) if isinstance(column, str) else column


def _search(rules: Rules, wanted: str) -> Q:
    condition = Q()
    for column in rules.search if wanted else ():
        condition |= Q(**{f"{column}__icontains": wanted})
    return condition


def behind(placed: QuerySet[Any], after: str, *, is_falling: bool) -> Q:
    """What follows the row of id `after`, in the order of `place` and id; `placed` has
    a `place` that is never null. Raises Http404 for an id that is not among them.
    """
    if not after:
        return Q()
    if not (after.isascii() and after.isdecimal() and len(after) <= _ID_DIGITS_MAX):
        raise Http404
    place = placed.filter(pk=int(after)).values_list("place", flat=True)
    if (last := next(iter(place), None)) is None:
        raise Http404
    step = "lt" if is_falling else "gt"
    same = Q(**{"place": last, f"pk__{step}": int(after)})
    return Q(**{f"place__{step}": last}) | same


def _head(name: str, sort: str, said: QueryDict, rules: Rules) -> Head:
    """A second click turns the order round; the first one falls where the list's own
    order does.
    """
    is_sorted = sort.removeprefix("-") == name
    is_falling = sort.startswith("-")
    falls_first = rules.default.startswith("-")
    wanted = f"-{name}" if (not is_falling if is_sorted else falls_first) else name
    aria = "descending" if is_falling else "ascending"
    return Head(
        query=_changed(said, f"{rules.prefix}sort", wanted),
        aria_sort=aria if is_sorted else "",
    )


def _changed(said: QueryDict, name: str, value: object) -> str:
    """Empty: it goes away."""
    changed = said.copy()
    changed.pop(name, None)
    if value:
        changed[name] = str(value)
    return changed.urlencode()
