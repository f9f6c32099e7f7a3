"""One word per thing: words that the glossary bans name nothing of ours.

Other systems' words may stand where their data passes: see ALLOWED_FILES.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tests.architecture.sources import (
    our_models,
    python_files,
    tracked_files,
    tree_of,
)

BANNED = {
    "org": "tenant",
    "orgs": "tenant",
    "organization": "tenant",
    "organizations": "tenant",
    "organisation": "tenant",
    "workspace": "project",
    "workspaces": "project",
    "team": "project",
    "teams": "project",
    "seat": "member",
    "seats": "member",
    "membership": "member",
    "memberships": "member",
    "customer": "tenant",
    "customers": "tenant",
    "wallet": "credit grant",
    "quota": "rate limit",
    "quotas": "rate limit",
    "throttle": "rate limit",
    "throttled": "rate limit",
    "fee": "charge",
    "fees": "charge",
    "gateway": "proxy",
    "ingest": "shipper",
    "ingestion": "shipper",
    "outbox": "journal",
    "sink": "journal",
    "replica": "engine",
    "replicas": "engine",
    "stub": "simulator",
    "fake": "simulator",
    "mock": "simulator",
    "borrow": "hold",
    "aggregates": "usage rollup",
    "latencies": "latency",
}
"""Word -> ours."""
BANNED_PAIRS = {
    ("token", "bucket"): "sliding window",
    ("invoice", "item"): "line item",
    ("usage", "record"): "usage rollup or usage event",
    ("usage", "summary"): "usage rollup",
    ("rate", "limiter"): "limits",
}
ALLOWED_FILES = re.compile(
    r"(^|/)(wire|api)\.py$|^metering/proxy/transform/"
    r"|^inference/(vllm_plugin|simulator)/|^billing/stripe_sync/"
    r"|^tests/(inference/simulator|engine_contract|architecture|stripe_sim)/"
    r"|^tests/billing/stripe_sync/"
)
ALLOWED_FIELDS = {
    # The rows by which one person is a member here and there; `members` would read as
    # other people.
    "tenants.User.memberships",
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def _words(identifier: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(identifier)]


def _bad(identifier: str) -> str | None:
    """What to say instead; None: nothing is wrong with it."""
    words = _words(identifier)
    for word in words:
        if word in BANNED:
            return BANNED[word]
    for pair in pairwise(words):
        if pair in BANNED_PAIRS:
            return BANNED_PAIRS[pair]
    return None


def _defined(name: str) -> Iterator[tuple[int, str]]:
    """Names that a file makes: others' names may be used, as they are."""
    for node in ast.walk(tree_of(name)):
        match node:
            case (
                ast.FunctionDef(name=found)
                | ast.AsyncFunctionDef(name=found)
                | ast.ClassDef(name=found)
            ):
                yield node.lineno, found
            case ast.arg(arg=found):
                yield node.lineno, found
            case ast.Name(id=found, ctx=ast.Store()):
                yield node.lineno, found
            case ast.Attribute(attr=found, ctx=ast.Store()):
                yield node.lineno, found
            case ast.alias(asname=str(found)):
                yield 0, found


def test_no_name_uses_a_banned_word():
    names = [
        (name, line, identifier)
        for name in python_files()
        if not ALLOWED_FILES.search(name)
        for line, identifier in _defined(name)
    ]
    bad = [
        f"{name}:{line}: {identifier}: say {ours}"
        for name, line, identifier in names
        if (ours := _bad(identifier))
    ]
    assert bad == []
    assert len(names) > 5000


def test_no_file_does():
    bad = [
        f"{name}: say {ours}"
        for name in tracked_files()
        if not ALLOWED_FILES.search(name) and "/vendor/" not in name
        for part in name.split("/")
        if (ours := _bad(part))
    ]
    assert bad == []


def test_no_table_or_column_does():
    bad = [
        f"{model._meta.label}.{field.name}: say {ours}"
        for model in our_models()
        for field in model._meta.get_fields()
        for identifier in (model._meta.db_table, field.name)
        if (ours := _bad(identifier))
        and f"{model._meta.label}.{field.name}" not in ALLOWED_FIELDS
    ]
    assert bad == []
