"""A statement in words, for logs, mails and refusals."""

from collections.abc import Mapping

from metering.audit_models import ReconciliationLine, ReconciliationStatement


def describe_statement(
    statement: ReconciliationStatement, *, engine_names: Mapping[int, str]
) -> str:
    """One sentence: engine, day, model, and each source that differs."""
    engine = engine_names.get(statement.engine_id, f"number {statement.engine_id}")
    lines = statement.lines.exclude(difference=0).order_by("-is_exact", "source")
    differences = "; ".join(map(_difference, lines)) or "nothing differs"
    return (
        f"Engine {engine}, {statement.day}, model {statement.model}: {differences}."
        f" (Statement {statement.pk}, version {statement.version}.)"
    )


def _difference(line: ReconciliationLine) -> str:
    said = line.billed + line.client_gone + line.unbilled + line.estimated
    at = "" if line.is_exact else " at least, with calls in flight"
    return (
        f"{line.source} {line.difference:+} tokens{at}"
        f" (engine {line.engine}, usage events {said})"
    )
