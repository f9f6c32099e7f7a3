"""Triggers by which the database itself keeps history as it was written."""

import pgtrigger


def append_only(saying: str = "append-only") -> list[pgtrigger.Trigger]:
    """No row is ever changed or taken away; a correction is a new row. `saying` begins
    the refusal's text.
    """
    change = pgtrigger.Update | pgtrigger.Delete
    return [refusing(change, name="append_only", saying=saying)]


def no_truncate(saying: str = "history is kept") -> pgtrigger.Trigger:
    """TRUNCATE passes by row triggers, so it needs its own."""
    return refusing(
        pgtrigger.Truncate,
        name="no_truncate",
        saying=saying,
        level=pgtrigger.Statement,
    )


def refusing(
    operation: pgtrigger.Operation,
    *,
    name: str,
    saying: str,
    level: pgtrigger.Level = pgtrigger.Row,
    condition: pgtrigger.Condition | None = None,
) -> pgtrigger.Trigger:
    """Refuses `operation` with "`saying`: UPDATE refused on the_table"; of rows, where
    `condition` holds.
    """
    return pgtrigger.Trigger(
        name=name,
        level=level,
        when=pgtrigger.Before,
        operation=operation,
        condition=condition,
        func=(
            f"RAISE EXCEPTION '{saying}: % refused on %', TG_OP, TG_TABLE_NAME"
            " USING ERRCODE = 'restrict_violation';"
        ),
    )
