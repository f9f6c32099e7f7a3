"""Whether an object has the shape that the pinned SDK's classes describe."""

import decimal
import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import stripe


def differences(value: Any, annotation: Any, at: str = "") -> Iterator[str]:
    """What does not agree, each with its path; nothing where all does."""
    origin = typing.get_origin(annotation)
    if annotation is Any:
        return
    if origin in {typing.Union, types.UnionType}:
        yield from _of_union(value, typing.get_args(annotation), at)
    elif origin is typing.Literal:
        if value not in typing.get_args(annotation):
            yield f"{at}: {value!r} is none of {typing.get_args(annotation)[:5]}"
    elif origin is list:
        yield from _of_list(value, typing.get_args(annotation)[0], at)
    elif isinstance(annotation, typing.ForwardRef | str):
        yield from _of_named(value, annotation, at)
    elif isinstance(annotation, type) or origin is not None:
        yield from _of_class(value, annotation, at)


def _of_union(value: Any, options: tuple[Any, ...], at: str) -> Iterator[str]:
    # "one of these words, or any text that is to come": ours is one of the words.
    words = [one for one in options if typing.get_origin(one) is typing.Literal]
    kept = [one for one in options if not (words and one is str)]
    if value is None and type(None) in kept:
        return
    tried = [list(differences(value, one, at)) for one in kept if one is not type(None)]
    if not any(found == [] for found in tried):
        yield from min(tried, key=len)


def _of_list(value: Any, annotation: Any, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: {value!r} is no list"
        return
    for place, one in enumerate(value):
        yield from differences(one, annotation, f"{at}[{place}]")


def _of_named(value: Any, reference: typing.ForwardRef | str, at: str) -> Iterator[str]:
    name = getattr(reference, "__forward_arg__", reference)
    found = getattr(stripe, str(name), None)
    if found is None:
        if not isinstance(value, dict | str):
            yield f"{at}: {value!r} is no {name}"
        return
    yield from differences(value, found, at)


def _of_class(value: Any, annotation: Any, at: str) -> Iterator[str]:
    origin = typing.get_origin(annotation)
    kind = origin or annotation
    if not issubclass(kind, stripe.StripeObject):
        expected = str if kind is decimal.Decimal else kind
        if not isinstance(value, expected) or (
            expected is int and isinstance(value, bool)
        ):
            yield f"{at}: {value!r} is no {expected.__name__}"
        return
    if not isinstance(value, dict):
        yield f"{at}: {value!r} is no {kind.__name__}"
        return
    if issubclass(kind, stripe.ListObject):
        (of,) = typing.get_args(annotation) or (Any,)
        yield from _of_list(value.get("data"), of, f"{at}.data")
        return
    yield from _of_fields(value, kind, at)


def _of_fields(value: dict[str, Any], kind: Any, at: str) -> Iterator[str]:
    fields = {
        name: one
        for base in reversed(kind.__mro__)
        if issubclass(base, stripe.StripeObject)
        for name, one in inspect.get_annotations(base).items()
        if not name.startswith("_")
    }
    if not fields:  # metadata and its like: any name
        return
    for name, one in value.items():
        if name not in fields:
            yield f"{at}.{name}: no such field of {kind.__name__}"
        else:
            yield from differences(one, fields[name], f"{at}.{name}")
