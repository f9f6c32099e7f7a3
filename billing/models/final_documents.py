"""Triggers by which a document is final once it is issued."""

import pgtrigger

_CHANGE = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete


def final_once_issued(func: str) -> pgtrigger.Trigger:
    """`func` says which changes of a row there may be."""
    return pgtrigger.Trigger(
        name="final_once_issued",
        when=pgtrigger.Before,
        operation=_CHANGE,
        func=func,
    )


def lines_of_drafts_only(
    *, table: str, column: str, document: str
) -> pgtrigger.Trigger:
    """Rows that name, by `column`, a row of `table` are written while that is a draft.
    FOR SHARE: one cannot slip in beside an issue that has not committed yet.
    """
    refusal = (
        f"RAISE EXCEPTION 'the lines of an issued {document} are final: % refused',"
        " TG_OP"
    )
    return final_once_issued(
        f"""
IF TG_OP <> 'INSERT' THEN
    PERFORM 1 FROM {table}
        WHERE id = OLD.{column} AND status <> 'draft' FOR SHARE;
    IF FOUND THEN
        {refusal}
            USING ERRCODE = 'restrict_violation';
    END IF;
END IF;
IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
PERFORM 1 FROM {table}
    WHERE id = NEW.{column} AND status <> 'draft' FOR SHARE;
IF FOUND THEN
    {refusal}
        USING ERRCODE = 'restrict_violation';
END IF;
RETURN NEW;
"""
    )


def totals_are_the_lines(*, document: str, alias: str, rows: str) -> pgtrigger.Trigger:
    """At commit. `rows` joins the documents, called `alias`, with their lines `l`."""
    # S608: names of ours alone come into it.
    return pgtrigger.Trigger(
        name="totals_are_the_lines",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        timing=pgtrigger.Deferred,
        func=f"""
IF EXISTS (
    SELECT 1 FROM {rows}
    WHERE {alias}.id = NEW.id GROUP BY {alias}.id
    HAVING {alias}.total_nanos <> coalesce(sum(l.amount_nanos), 0)
        OR {alias}.lines_cents <> coalesce(sum(l.amount_cents), 0))
THEN
    RAISE EXCEPTION 'the totals of {document} % are not the sums of its lines', NEW.id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
""",  # noqa: S608
    )
