"""The receipts of an invoice as files: as they were hashed, or as a table."""

from collections.abc import Iterator

import msgspec

from billing.domain.rating import METER_NAMES
from billing.encoding import Column, Kind, Table, Value
from billing.models.invoices import Invoice
from billing.services.receipts.stream_receipts_of_invoice import (
    stream_receipts_of_invoice,
)
from metering.domain.receipts import (
    AnyReceipt,
    CallReceipt,
    IntervalReceipt,
    ReceiptCharge,
    canonical,
    receipt_hash,
)

_LINES = 500
"""In one piece of a file."""
_KINDS = {int: Kind.INTEGER, bool: Kind.BOOLEAN}
_FIELDS = {
    field.name: _KINDS.get(field.type, Kind.TEXT)
    for form in (CallReceipt, IntervalReceipt)
    for field in msgspec.structs.fields(form)
    if field.name != "charges"
}
_CHARGE_FIELDS = ReceiptCharge.__struct_fields__
_COLUMNS = (
    Column("kind"),
    *(Column(name, kind) for name, kind in _FIELDS.items()),
    *(Column(f"{meter}.{name}") for meter in METER_NAMES for name in _CHARGE_FIELDS),
    Column("hash"),
)


def receipt_lines(invoice: Invoice) -> Iterator[bytes]:
    """JSON lines that can be verified. Raises ReceiptChangedError."""
    piece: list[bytes] = []
    for one in stream_receipts_of_invoice(invoice):
        piece.append(canonical(one))
        if len(piece) == _LINES:
            yield b"\n".join(piece) + b"\n"
            piece = []
    if piece:
        yield b"\n".join(piece) + b"\n"


def receipt_table(invoice: Invoice) -> Table:
    """For a spreadsheet: the fields of both kinds of receipts, where a kind lacks one
    empty, then what each meter is charged. `hash` is the leaf in the Merkle tree.
    """
    rows = (_row(one) for one in stream_receipts_of_invoice(invoice))
    return Table(columns=_COLUMNS, rows=rows)


def _row(receipt: AnyReceipt) -> list[Value]:
    charges = [receipt.charges.get(meter) for meter in METER_NAMES]
    return [
        receipt.__struct_config__.tag,
        *(getattr(receipt, name, None) for name in _FIELDS),
        *(getattr(one, name, None) for one in charges for name in _CHARGE_FIELDS),
        receipt_hash(canonical(receipt)).hex(),
    ]
