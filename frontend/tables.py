"""Lists that the database sorts, searches and pages, as their address says.

`?sort=-issued` sorts, `?q=` searches, `?after=12` goes on behind the row of that id, so
that what is added or goes meanwhile moves nothing. The rest of the address is kept. A
list that lies beside another on its page has a prefix before these names.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import CharField, F, Model, Q, QuerySet, TextField
from django.db.models.expressions import Combinable
from django.http import Http404, QueryDict

ROWS = 50
_SEARCH_CHARACTERS_MAX = 100
_ID_DIGITS_MAX = 18
Row = TypeVar("Row")
ModelRow = TypeVar("ModelRow", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Of one list."""

    sorts: Mapping[str, str | Combinable]
    """What an address may name -> column; none may be null (Coalesce). The first click
    on a text's head begins with A, on that of a number or time with the most."""
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

    @property
    def is_part(self) -> bool:
        """There are more rows than these: of other pages, or not searched for."""
        return bool(self.wanted or self.next_query or not self.is_first)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an address says of one list."""

    rules: Rules
    said: QueryDict
    """All of it, without the place."""
    sort: str
    wanted: str
    after: str

    @property
    def is_falling(self) -> bool:
        return self.sort.startswith("-")

    @property
    def column(self) -> Combinable:
        return self._column(self.sort.removeprefix("-"))

    def is_text(self, name: str, rows: QuerySet[Any]) -> bool:
        """Whether that column is one; `rows` have it."""
        found = rows.annotate(head=self._column(name)).query.annotations["head"]
        return isinstance(found.output_field, CharField | TextField)

    def _column(self, name: str) -> Combinable:
        column = self.rules.sorts[name]
        return F(column) if isinstance(column, str) else column


def read_table(
    query: QueryDict,
    rows: QuerySet[ModelRow],
    rules: Rules,
    *,
    among: QuerySet[ModelRow] | None = None,
) -> Table[ModelRow]:
    """Two queries at most; `among`: of what the row before the place may be, if not of
    `rows`: one that ceased to fit leads on still. Raises Http404 for a place that is
    none of the list's.
    """
    asked = ask(query, rules)
    placed = (rows if among is None else among).annotate(place=asked.column)
    found = rows.annotate(place=asked.column)
    found = found.filter(search(rules.search, asked.wanted))
    found = found.filter(behind(placed, asked.after, is_falling=asked.is_falling))
    sign = "-" if asked.is_falling else ""
    listed = found.order_by(f"{sign}place", f"{sign}pk")[: rules.rows + 1]
    return table_of(asked, list(listed), of=rows, number_in=lambda row: row.pk)


def ask(query: QueryDict, rules: Rules) -> Asked:
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
    return Asked(rules=rules, said=said, sort=sort, wanted=wanted, after=after)


def table_of(
    asked: Asked,
    listed: list[Row],
    *,
    of: QuerySet[Any],
    number_in: Callable[[Row], int],
) -> Table[Row]:
    """Of the rows behind the place, in their order: one more than a page shows, if
    there are as many. `of`: rows that have the columns of the rules.
    """
    rules, said = asked.rules, asked.said
    shown, more = listed[: rules.rows], listed[rules.rows :]
    search_name, after = f"{rules.prefix}q", f"{rules.prefix}after"
    return Table(
        rows=shown,
        heads={name: _head(name, asked, of) for name in rules.sorts},
        wanted=asked.wanted,
        search_name=search_name if rules.search else "",
        kept=tuple((name, str(said[name])) for name in said if name != search_name),
        query=said.urlencode(),
        all_query=_changed(said, search_name, ""),
        next_query=_changed(said, after, number_in(shown[-1])) if more else "",
        is_first=not asked.after,
    )


def search(columns: Iterable[str], wanted: str) -> Q:
    condition = Q()
    for column in columns if wanted else ():
        condition |= Q(**{f"{column}__icontains": wanted})
    return condition


def behind(placed: QuerySet[Any], after: str, *, is_falling: bool) -> Q:
    """What follows the row of id `after`, in the order of `place` and id; `placed` has
    a `place` that is never null. Raises Http404 for an id that is not among them.
    """
    if not after:
        return Q()
    number = number_of(after)
    last = place_of_row(placed, number)
    return past(last, number, by="pk", is_falling=is_falling)


def number_of(after: str) -> int:
    """Raises Http404 for what is none."""
    if not (after.isascii() and after.isdecimal() and len(after) <= _ID_DIGITS_MAX):
        raise Http404
    return int(after)


def place_of_row(placed: QuerySet[Any], row_id: int) -> object:
    """Raises Http404 for an id that is not among them."""
    places = placed.filter(pk=row_id).values_list("place", flat=True)
    if (place := next(iter(places), None)) is None:
        raise Http404
    return place


def past(place: object, number: int, *, by: str, is_falling: bool) -> Q:
    """In the order of `place` and, among equals, of the column `by`."""
    step = "lt" if is_falling else "gt"
    return Q(**{f"place__{step}": place}) | Q(place=place, **{f"{by}__{step}": number})


def _head(name: str, asked: Asked, rows: QuerySet[Any]) -> Head:
    """A second click turns the order round."""
    is_sorted = asked.sort.removeprefix("-") == name
    falls_next = not (asked.is_falling if is_sorted else asked.is_text(name, rows))
    wanted = f"-{name}" if falls_next else name
    aria = "descending" if asked.is_falling else "ascending"
    return Head(
        query=_changed(asked.said, f"{asked.rules.prefix}sort", wanted),
        aria_sort=aria if is_sorted else "",
    )


def _changed(said: QueryDict, name: str, value: object) -> str:
    """Empty: it goes away."""
    changed = said.copy()
    changed.pop(name, None)
    if value:
        changed[name] = str(value)
    return changed.urlencode()
