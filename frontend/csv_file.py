"""CSV that a spreadsheet may open."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from billing.encoding import safe_text


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    yield buffer.getvalue()
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(
            [safe_text(cell) if isinstance(cell, str) else cell for cell in row]
        )
        yield buffer.getvalue()
