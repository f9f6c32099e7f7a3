"""Long lists, a page at a time: each page begins after the last row of the one before,
so that nothing is shown twice or left out while rows are added.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from django.db.models import Model, QuerySet

from billing.api.v1.refusals import RefusedError

PAGE_ROWS_MAX = 100
PAGE_ROWS_DEFAULT = 20
_CURSOR_CHARACTERS_MAX = 500
_T = TypeVar("_T")
_Row = TypeVar("_Row", bound=Model)

Limit = Annotated[
    int,
    msgspec.Meta(ge=1, le=PAGE_ROWS_MAX, description="Rows of a page."),
]
Cursor = Annotated[
    str,
    msgspec.Meta(
        max_length=_CURSOR_CHARACTERS_MAX,
        description="`next_cursor` of the page before; none: the first page.",
    ),
]


class PageQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = PAGE_ROWS_DEFAULT
    cursor: Cursor | None = None


class Page(msgspec.Struct, Generic[_T], frozen=True, kw_only=True):
    data: list[_T]
    has_more: bool
    next_cursor: str | None
    """For the next page; null: this is the last one."""


def write_cursor(*place: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def read_cursor(cursor: str, form: type[_T]) -> _T:
    """Raises RefusedError."""
    try:
        raw = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=form)
    except (binascii.Error, UnicodeError, msgspec.MsgspecError) as error:
        raise RefusedError(
            "The cursor is none of ours. Take `next_cursor` of the page before.",
            code="invalid_value",
            param="cursor",
        ) from error


def newest_first(
    rows: QuerySet[_Row], query: PageQuery, describe: Callable[[_Row], _T]
) -> Page[_T]:
    """By id, descending. Raises RefusedError."""
    if query.cursor is not None:
        (before,) = read_cursor(query.cursor, tuple[int])
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: query.limit + 1])
    shown, has_more = found[: query.limit], len(found) > query.limit
    return Page(
        data=[describe(row) for row in shown],
        has_more=has_more,
        next_cursor=write_cursor(shown[-1].pk) if has_more else None,
    )
