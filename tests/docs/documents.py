"""The documents: every Markdown file that is tracked."""

from tests.architecture.sources import text_of, tracked_files


def documents() -> list[str]:
    return [name for name in tracked_files() if name.endswith(".md")]


def tables_of(name: str) -> list[list[str]]:
    """Rows of all tables in a document: their cells, without heads and rules."""
    rows: list[list[str]] = []
    is_head = True
    for line in text_of(name).splitlines():
        if not line.startswith("|"):
            is_head = True
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if set("".join(cells)) <= set("-: "):
            continue
        if is_head:
            is_head = False
            continue
        rows.append(cells)
    return rows
