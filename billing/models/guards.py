"""Triggers by which the database itself keeps history as it was written."""

import pgtrigger


def _refusal(what: str) -> str:
    return (
        f"RAISE EXCEPTION '{what}: % refused on %', TG_OP, TG_TABLE_NAME"
        " USING ERRCODE = 'restrict_violation';"
    )


def no_truncate() -> pgtrigger.Trigger:
    """TRUNCATE passes by row triggers, so it needs its own."""
    return pgtrigger.Trigger(
        name="no_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=_refusal("history is kept"),
    )


def append_only() -> list[pgtrigger.Trigger]:
    """No row is ever changed or taken away; a correction is a new row."""
    return [
        pgtrigger.Trigger(
            name="append_only",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=_refusal("append-only"),
        ),
        no_truncate(),
    ]
