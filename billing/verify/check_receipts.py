"""Receipts against the invoice that bills them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from billing.domain.charges import ChargeKind, usage_key
from billing.domain.price_models import PriceModel
from billing.verify.signatures import check_signature
from billing.verify.wrong import WrongError, check
from billing.wire import InvoiceDocument, InvoiceReceipts, SignedReceipt
from metering.domain.merkle import merkle_root, root_by_proof
from metering.domain.receipts import (
    AnyReceipt,
    Chain,
    ReceiptCharge,
    canonical,
    charge_of,
    read_receipt,
    receipt_hash,
)
from metering.domain.signed_texts import receipt_text


def check_all(document: InvoiceDocument, lines: Iterable[bytes]) -> int:
    """How many `lines` there are: each a receipt, and all of the invoice's. They are
    read one by one, so a million need no more memory than ten. Raises WrongError.
    """
    expected = _receipts_of(document)
    sums: Counter[str] = Counter()
    chain, rates, seen = Chain(), _rates(expected), _Ends()
    root = merkle_root(
        _hash(receipt, sums)
        for receipt in _checked(document, _read(lines), chain, rates, seen)
    )
    check(
        holds=seen.count == expected.count,
        otherwise=f"there are {seen.count} receipts, the invoice names"
        f" {expected.count}",
    )
    check(
        holds=root.hex() == expected.merkle_root,
        otherwise="the receipts do not lead to the Merkle root of the invoice",
    )
    check(
        holds=(seen.first, seen.last)
        == (expected.first_sequence, expected.last_sequence),
        otherwise="the first or last receipt is not the one that the invoice names",
    )
    _check_quantities(document, sums)
    return seen.count


def check_one(
    document: InvoiceDocument,
    keys: Mapping[str, Ed25519PublicKey],
    signed: SignedReceipt,
) -> None:
    """A receipt with its own signature and proof. Raises WrongError."""
    expected = _receipts_of(document)
    leaf = receipt_hash(canonical(signed.receipt))
    what = f"receipt {signed.receipt.sequence}"
    check(holds=leaf.hex() == signed.hash, otherwise=f"{what} has another hash")
    check_signature(
        keys,
        named=signed.key_id,
        signature=signed.signature,
        text=receipt_text(leaf),
        what=what,
    )
    if signed.proof is None:
        raise WrongError(f"{what} has no proof that an invoice bills it")
    root = root_by_proof(
        leaf,
        index=signed.proof.index,
        size=expected.count,
        proof=[_bytes(one, what) for one in signed.proof.hashes],
    )
    check(
        holds=root is not None and root.hex() == expected.merkle_root,
        otherwise=f"{what} is not proved to be of this invoice",
    )
    _check_charges(signed.receipt, _rates(expected))


class _Ends:
    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None
        self.last: int | None = None
        self.tenant_id: int | None = None


def _receipts_of(document: InvoiceDocument) -> InvoiceReceipts:
    if document.receipts is None:
        raise WrongError("the invoice names no receipts")
    return document.receipts


def _rates(receipts: InvoiceReceipts) -> dict[str, int]:
    """By key, of the plain prices."""
    return {
        one.key: one.pricing.rate_nanos_per_million
        for one in receipts.prices
        if one.pricing.model is PriceModel.STANDARD
    }


def _read(lines: Iterable[bytes]) -> Iterator[AnyReceipt]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield read_receipt(line)
        except msgspec.DecodeError as error:
            raise WrongError(f"line {number} is no receipt: {error}") from None


def _checked(
    document: InvoiceDocument,
    receipts: Iterable[AnyReceipt],
    chain: Chain,
    rates: Mapping[str, int],
    seen: _Ends,
) -> Iterator[AnyReceipt]:
    start = f"{document.period_start:%Y-%m-%dT%H:%M:%S.%fZ}"
    end = f"{document.period_end:%Y-%m-%dT%H:%M:%S.%fZ}"
    for receipt in receipts:
        what = f"receipt {receipt.sequence}"
        if objection := chain.objection(receipt):
            raise WrongError(objection)
        seen.tenant_id = receipt.tenant_id if seen.tenant_id is None else seen.tenant_id
        check(
            holds=receipt.tenant_id == seen.tenant_id,
            otherwise=f"{what} is of another tenant",
        )
        check(
            holds=start <= receipt.happened_at < end,
            otherwise=f"{what} did not happen in the time that is billed",
        )
        _check_charges(receipt, rates)
        seen.first = receipt.sequence if seen.first is None else seen.first
        seen.last = receipt.sequence
        seen.count += 1
        yield receipt


def _hash(receipt: AnyReceipt, sums: Counter[str]) -> bytes:
    for meter, charge in receipt.charges.items():
        sums[usage_key(receipt.price_version_id, meter)] += charge.quantity
    return receipt_hash(canonical(receipt))


def _check_charges(receipt: AnyReceipt, rates: Mapping[str, int]) -> None:
    for meter, charge in receipt.charges.items():
        rate = rates.get(usage_key(receipt.price_version_id, meter))
        _check_charge(charge, rate, f"receipt {receipt.sequence}, {meter}")


def _check_charge(charge: ReceiptCharge, rate: int | None, what: str) -> None:
    check(
        holds=charge.rate_nanos_per_million == rate,
        otherwise=f"{what}: it was sold at another rate than the invoice's",
    )
    check(
        holds=charge == charge_of(charge.quantity, rate),
        otherwise=f"{what}: the amount is not quantity times rate",
    )


def _check_quantities(document: InvoiceDocument, sums: Counter[str]) -> None:
    lines = Counter(
        {
            line.key: line.quantity
            for line in document.lines
            if line.kind == ChargeKind.USAGE
        }
    )
    for key in sorted(sums.keys() | lines.keys()):
        check(
            holds=sums[key] == lines[key],
            otherwise=f"{key}: the receipts show {sums[key]}, the line {lines[key]}",
        )


def _bytes(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise WrongError(f"the proof of {what} is not hexadecimal") from None
