"""The OpenAPI document says of fields what stands below them in the code."""

import msgspec

from billing.api.v1.field_texts import add_field_texts, field_texts
from billing.api.v1.openapi import read_document


class Inner(msgspec.Struct):
    name: str
    """Of the inner thing,
    on two lines."""


class Outer(Inner):
    inner: list[Inner]
    """None: there is none."""
    count: int
    other: Inner
    """Another one."""


def test_it_works():
    assert field_texts(Outer) == {
        "name": "Of the inner thing, on two lines.",
        "inner": "Null: there is none.",
        "other": "Another one.",
    }


def test_those_of_what_lies_within_are_added_too():
    _, schemas = msgspec.json.schema_components([Outer], ref_template="#/{name}")
    add_field_texts(schemas, [Outer])
    outer = schemas["Outer"]["properties"]
    assert outer["inner"]["description"] == "Null: there is none."
    assert "description" not in outer["count"]
    assert outer["other"] == {
        "allOf": [{"$ref": "#/Inner"}],
        "description": "Another one.",
    }
    inner = schemas["Inner"]["properties"]["name"]
    assert inner["description"] == "Of the inner thing, on two lines."


def test_the_document_of_the_api_has_them():
    schemas = read_document()["components"]["schemas"]
    fields = schemas["WebhookSecret"]["properties"]
    assert "shown this once" in fields["secret"]["description"]
