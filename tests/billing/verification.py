"""The files by which an invoice is checked offline."""

import json

import msgspec

from billing.services.receipts.sign_invoice import sign_invoice
from billing.services.receipts.sign_receipt import sign_receipt
from billing.services.receipts.stream_receipts_of_invoice import (
    stream_receipts_of_invoice,
)
from billing.verify.run import main
from metering.domain.receipts import canonical
from metering.services.receipt_keys import read_public_keys
from tests.billing.usage import NOON


class VerifiedFiles:
    """The three files, which a test may tamper with, and the check of them."""

    def __init__(self, folder, invoice):
        self.folder = folder
        self.invoice = json.loads(msgspec.json.encode(sign_invoice(invoice, now=NOON)))
        self.receipts = [
            json.loads(canonical(one)) for one in stream_receipts_of_invoice(invoice)
        ]
        self.signed = [
            json.loads(msgspec.json.encode(sign_receipt(one, now=NOON)))
            for one in stream_receipts_of_invoice(invoice)
        ]
        self.keys = {
            "keys": [
                {"key_id": name, "public_key": key}
                for name, key in read_public_keys().items()
            ]
        }

    def write(self, receipts=None) -> list[str]:
        """The arguments that name them."""
        lines = self.receipts if receipts is None else receipts
        contents = {
            "invoice.json": json.dumps(self.invoice, indent=2),
            "receipts.jsonl": "".join(f"{json.dumps(line)}\n" for line in lines),
            "keys.json": json.dumps(self.keys),
        }
        for name, content in contents.items():
            (self.folder / name).write_text(content)
        invoice, receipts, keys = (str(self.folder / name) for name in contents)
        return [invoice, receipts, "--public-key", keys]

    def check(self, receipts=None) -> int:
        return main(self.write(receipts))
