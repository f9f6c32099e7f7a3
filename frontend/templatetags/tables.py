"""What every list has: heads that sort, a field that searches, pages."""

from typing import Any

from django import template

from frontend.tables import Head, Table

register = template.Library()


@register.inclusion_tag("frontend/sorted_head.html")
def sort_head(head: Head, title: str, style: str = "") -> dict[str, Any]:
    """`{% sort_head table.heads.name _("Name") %}`; `style`: a class of the cell."""
    return {"head": head, "title": title, "class": style}


@register.inclusion_tag("frontend/table_search.html")
def table_search(table: Table[Any], label: str) -> dict[str, Any]:
    return {"table": table, "label": label}


@register.inclusion_tag("frontend/table_pages.html")
def table_pages(table: Table[Any], title: str = "") -> dict[str, Any]:
    """`title`: of the list, where its page has another."""
    return {"table": table, "title": title}


@register.inclusion_tag("frontend/table_nothing.html")
def table_nothing(table: Table[Any]) -> dict[str, Any]:
    """In place of the rows, where a search found none or the last page was left."""
    return {"table": table}
