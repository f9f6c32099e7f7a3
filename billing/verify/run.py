"""Check an invoice and its receipts by what they say themselves and a public key."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from billing.domain.invoice_digest import invoice_digest
from billing.verify.check_invoice import check_lines, check_totals
from billing.verify.check_receipts import check_all, check_one
from billing.verify.signatures import check_signature, read_keys
from billing.verify.wrong import WrongError, check
from billing.wire import InvoiceDocument, SignedReceipt
from metering.domain.signed_texts import invoice_text

FINE, WRONG, UNREADABLE = 0, 1, 2
"""Exit codes."""
HELP = (
    "Check an invoice (JSON) and its receipts (JSON lines, or one receipt with its"
    " proof) offline: signature, chain, Merkle root, quantities, prices, tax, totals."
    " Exit code 0: all is right; 1: something is wrong; 2: a file cannot be read."
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("invoice", type=Path, help="as downloaded from the portal")
    parser.add_argument("receipts", type=Path)
    parser.add_argument(
        "--public-key",
        type=Path,
        required=True,
        help="/.well-known/tokenfab-receipt-keys.json of whoever issued the invoice",
    )


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(prog="python -m billing.verify", description=HELP)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def run(options: Namespace) -> int:
    """The exit code; prints what was checked, and the first thing that is wrong."""
    try:
        for fact in _facts(options):
            _print(f"ok     {fact}")
    except WrongError as error:
        _print(f"WRONG  {error}")
        return WRONG
    except (OSError, ValueError) as error:
        # msgspec's errors of decoding are ValueErrors too.
        _print(f"cannot be read: {error}")
        return UNREADABLE
    _print("All of it is right.")
    return FINE


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _facts(options: Namespace) -> Iterator[str]:
    """What holds, one after another. Raises WrongError, OSError and ValueError."""
    keys = read_keys(options.public_key.read_bytes())
    text = options.invoice.read_bytes()
    said: dict[str, Any] = msgspec.json.decode(text, type=dict)
    document = msgspec.convert(said, InvoiceDocument, strict=False)
    check(
        holds=document.receipts is not None,
        otherwise="the invoice is a draft, or names no receipts",
    )
    receipts = said["receipts"]
    check_signature(
        keys,
        named=receipts["key_id"],
        signature=receipts["signature"],
        text=invoice_text(invoice_digest(said)),
        what=f"invoice {document.number}",
    )
    yield f"invoice {document.number} is signed by key {receipts['key_id']}"
    exact = check_lines(document)
    yield f"{len(document.lines)} lines add up, {exact} by their price alone"
    check_totals(document)
    yield f"tax and totals: {document.total_cents} cents, {document.due_cents} due"
    if single := _single(options.receipts):
        check_one(document, keys, single)
        yield f"receipt {single.receipt.sequence} is signed, and billed by the invoice"
        return
    with options.receipts.open("rb") as lines:
        count = check_all(document, lines)
    yield f"{count} receipts are chained and lead to the Merkle root"
    yield "each line of usage is the sum of its receipts"


def _single(path: Path) -> SignedReceipt | None:
    """None: it is a file of many."""
    with path.open("rb") as file:
        begin = file.read(1 << 20)
    try:
        return msgspec.json.decode(begin, type=SignedReceipt)
    except msgspec.DecodeError:
        return None
