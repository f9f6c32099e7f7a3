"""Blocks of the worked examples: that all of one is read, that its sums are right."""

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Block = dict[str, Any]
_OPERATORS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Noted(Block):
    """Knows which of its keys were read: one that no rule reads would go unchecked."""

    def __init__(self, given: Block) -> None:
        super().__init__({key: _noted(value) for key, value in given.items()})
        self.unread = set(given)

    def __getitem__(self, key: str) -> Any:
        self.unread.discard(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.unread.discard(key)
        return super().get(key, default)

    def items(self) -> Any:
        self.unread.clear()
        return super().items()


def _noted(value: Any) -> Any:
    if isinstance(value, dict):
        return Noted(value)
    return [_noted(one) for one in value] if isinstance(value, list) else value


def unread(value: Any) -> set[str]:
    if isinstance(value, Noted):
        return value.unread.union(*(map(unread, value.values())))
    return set().union(*map(unread, value)) if isinstance(value, list) else set()


def is_right(equation: str) -> bool:
    """`20.80 * 0.19 = 3.952`, exactly."""
    left, right = re.sub(r"(?<=\d),(?=\d)", "", equation).split(" = ")
    return _value(ast.parse(left, mode="eval").body, left) == Fraction(right)


def _value(node: ast.expr, text: str) -> Fraction:
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, text), _value(node.right, text)
        return _OPERATORS[type(node.op)](left, right)
    return Fraction(text[node.col_offset : node.end_col_offset])
