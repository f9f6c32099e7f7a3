"""Invoices and credit notes as PDF/A-3b with the e-invoice inside.

Made on demand from what was fixed at the issue; the same document gives the same bytes.
"""

import json
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import typst

from billing.documents.einvoice import e_invoice
from billing.documents.facturx import announced
from billing.documents.legible import legible
from billing.documents.printed import printed_credit_note, printed_invoice
from billing.errors import IncompleteDocumentError
from billing.wire import CreditNoteDocument, InvoiceDocument

_FOLDER = Path(__file__).parent
_STANDARD: Final = "a-3b"
_UNDRAWABLE = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")
_INSTEAD = "?"
# The compiler serves one thread at a time, and says so with an exception.
_lock = Lock()


def invoice_pdf(document: InvoiceDocument) -> bytes:
    """Raises ValueError if none can be made, which would be a mistake of ours."""
    document = legible(document)
    return _pdf(document, printed_invoice(document))


def credit_note_pdf(document: CreditNoteDocument) -> bytes:
    document = legible(document)
    return _pdf(document, printed_credit_note(document))


def _pdf(
    document: InvoiceDocument | CreditNoteDocument, printed: dict[str, Any]
) -> bytes:
    inputs = {"data": json.dumps(printed, ensure_ascii=False)}
    # Else a draft, or parties that nobody described: for people to read alone.
    with suppress(IncompleteDocumentError):
        inputs["einvoice"] = e_invoice(document).decode()
    issued_at = document.issued_at
    pdf = _drawn(inputs, int(issued_at.timestamp()) if issued_at else 0)
    return announced(pdf) if "einvoice" in inputs else pdf


def _drawn(inputs: dict[str, str], timestamp: int) -> bytes:
    try:
        return _compiled(inputs, timestamp)
    except typst.TypstError as error:
        drawable = {**inputs, "data": _drawable(inputs["data"], error)}
    try:
        return _compiled(drawable, timestamp)
    except typst.TypstError as error:
        raise ValueError(f"no PDF can be made: {error.message}") from error


def _drawable(text: str, error: typst.TypstError) -> str:
    """PDF/A allows no glyph that the fonts lack: `text` without those that `error`
    names. The e-invoice has the true text.
    """
    for found in set(_UNDRAWABLE.findall(error.diagnostic)):
        undrawable = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found)
        text = text.replace(undrawable, _INSTEAD)
    return text


def _compiled(inputs: dict[str, str], timestamp: int) -> bytes:
    with _lock:
        pdf = _compiler().compile(
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=[_STANDARD],
            timestamp=timestamp,
        )
    if not isinstance(pdf, bytes):
        raise TypeError("the compiler gave no PDF")
    return pdf


@cache
def _compiler() -> typst.Compiler:
    """Kept, with its fonts: the first call takes some tenths of a second."""
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=True,
        font_paths=[_FOLDER / "fonts"],
    )
    templates = _FOLDER / "templates"
    return typst.Compiler(
        templates / "document.typ",
        root=templates,
        font_paths=fonts,
        ignore_system_fonts=True,
    )
