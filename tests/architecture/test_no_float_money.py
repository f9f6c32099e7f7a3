"""Money is whole nanos or whole cents wherever it has a name."""

import ast
from collections.abc import Iterator
from typing import Any

from django.db import models

from tests.architecture.sources import (
    functions_of,
    our_models,
    product_files,
    tree_of,
)

MONEY = ("_nanos", "_cents", "_nanos_per_million")
_INEXACT_FIELDS = (models.FloatField, models.DecimalField)
_INEXACT_TYPES = {"float", "Decimal"}


def _is_money(name: str) -> bool:
    return name.endswith(MONEY) or name == "cents"


def _typed_names(name: str) -> Iterator[tuple[str, ast.expr]]:
    """(name, annotation) of variables, fields, arguments and functions."""
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.AnnAssign):
            target = node.target
            if isinstance(target, ast.Name):
                yield target.id, node.annotation
            elif isinstance(target, ast.Attribute):
                yield target.attr, node.annotation
        elif isinstance(node, ast.arg) and node.annotation:
            yield node.arg, node.annotation
    for function in functions_of(name):
        if function.returns:
            yield function.name, function.returns


def _types_in(annotation: ast.expr) -> set[str]:
    return {
        part.id if isinstance(part, ast.Name) else part.attr
        for part in ast.walk(annotation)
        if isinstance(part, ast.Name | ast.Attribute)
    }


def _money_columns() -> list[Any]:
    return [
        field
        for model in our_models()
        for field in model._meta.fields
        if _is_money(field.name)
    ]


def test_no_column_of_money_is_inexact():
    columns = _money_columns()
    assert [c for c in columns if isinstance(c, _INEXACT_FIELDS)] == []
    assert len(columns) > 5


def test_no_column_at_all_is_a_float():
    """A share or a rate that becomes money is inexact money."""
    inexact = [
        str(field)
        for model in our_models()
        for field in model._meta.fields
        if isinstance(field, models.FloatField)
    ]
    assert inexact == []


def test_no_annotation_of_money_is_inexact():
    named = [
        (name, variable, annotation)
        for name in product_files()
        for variable, annotation in _typed_names(name)
        if _is_money(variable)
    ]
    inexact = [
        f"{name}: {variable}"
        for name, variable, annotation in named
        if _types_in(annotation) & _INEXACT_TYPES
    ]
    assert inexact == []
    assert len(named) > 20


def test_billing_counts_without_floats():
    """No float or division by `/` in the arithmetic of money."""
    found = [
        f"{name}:{node.lineno}"
        for name in product_files()
        if name.startswith("billing/domain/")
        for node in ast.walk(tree_of(name))
        if (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]
    assert found == []
