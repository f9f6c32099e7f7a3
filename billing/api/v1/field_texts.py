"""What the fields of a struct mean, by the very texts that stand below them."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec


def add_field_texts(schemas: dict[str, Any], forms: Iterable[Any]) -> None:
    """As descriptions of the properties of the components that `forms` make."""
    for cls in _classes(forms):
        properties = schemas.get(cls.__name__, {}).get("properties", {})
        for name, text in field_texts(cls).items():
            if name in properties:
                properties[name] = _described(properties[name], text)


def field_texts(cls: type) -> dict[str, str]:
    """By name; those of the classes that it comes from, too."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if "__annotations__" in vars(base):
            source = textwrap.dedent(inspect.getsource(base))
            (defined,) = ast.parse(source).body
            assert isinstance(defined, ast.ClassDef)  # noqa: S101  it is one's source
            found |= dict(_pairs(defined))
    return found


def _pairs(defined: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(defined.body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                yield name, " ".join(words.split()).replace("None:", "Null:")


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    # Many tools read nothing that stands beside a reference.
    if "$ref" in schema:
        return {"allOf": [schema], "description": text}
    return {**schema, "description": text}


def _classes(forms: Iterable[Any]) -> Iterator[type]:
    """Structs and dataclasses, those within others too."""
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(forms))
    seen: set[int] = set()
    while waiting:
        info = waiting.pop()
        if id(info) in seen:
            continue
        seen.add(id(info))
        waiting.extend(_within(info))
        cls = getattr(info, "cls", None)
        if isinstance(cls, type) and hasattr(info, "fields"):
            yield cls


def _within(info: msgspec.Struct) -> Iterator[msgspec.Struct]:
    for name in info.__struct_fields__:
        value = getattr(info, name)
        values = value if isinstance(value, tuple) else (value,)
        yield from (one for one in values if isinstance(one, msgspec.Struct))
