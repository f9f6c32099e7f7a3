"""The offline check of an invoice: it holds, and no field can be changed."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command

from billing.domain.invoice_digest import invoice_digest
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.verify.run import main
from config.environment import REPOSITORY
from metering.domain.signed_texts import invoice_text
from metering.services.receipt_keys import Signer
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.billing.verification import VerifiedFiles

HOUR = timedelta(hours=1)


@pytest.fixture
def files(tenant, price, tmp_path):
    """Six calls of two meters in six hours."""
    for number in range(3):
        use(tenant, price, 15_000 + number, hour_at=NOON + number * HOUR)
        use(
            tenant,
            price,
            900,
            meter="cached_input_tokens",
            hour_at=NOON - number * HOUR,
        )
    rate_usage(now=NOON)
    return VerifiedFiles(tmp_path, issue_invoice(draft_of(tenant).pk, now=DECEMBER))


def test_it_works(files, capsys):
    assert files.check() == 0
    text = capsys.readouterr().out
    assert "2 lines add up, 2 by their price alone" in text
    assert "6 receipts are chained and lead to the Merkle root" in text
    assert "each line of usage is the sum of its receipts" in text


def test_each_receipt_is_proved_alone(files, capsys):
    for signed in files.signed:
        assert files.check([signed]) == 0
    assert "receipt 6 is signed, and billed by the invoice" in capsys.readouterr().out


def test_it_runs_without_django_and_as_a_command(files):
    arguments = files.write()
    code = (
        "import sys; from billing.verify.run import main;"
        f"status = main({arguments!r}); assert 'django' not in sys.modules;"
        "sys.exit(status)"
    )
    done = subprocess.run(  # the code is ours
        [sys.executable, "-c", code], cwd=REPOSITORY, check=False
    )
    assert done.returncode == 0
    call_command("verify", *arguments)
    files.invoice["total_cents"] += 1
    with pytest.raises(SystemExit) as stopped:
        call_command("verify", *files.write())
    assert stopped.value.code == 1


def _changed(value):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value.endswith("Z"):
        return value.replace("202", "201", 1)
    if isinstance(value, str):
        return ("0" if value[:1] != "0" else "1") + value[1:]
    if isinstance(value, dict):
        return {name: _changed(one) for name, one in value.items()}
    return [*value, *value] if value else 7


def test_it_refuses_any_change_of_the_invoice(files, capsys):
    honest = files.invoice
    free = {"status"}  # an issued invoice may have become a paid one
    lists_of_later = {"payments", "credit_notes"}
    for name, value in honest.items():
        if name in free | lists_of_later:
            continue
        files.invoice = {**honest, name: _changed(value)}
        assert files.check() in {1, 2}, name
    for name, value in honest["receipts"].items():
        receipts = {**honest["receipts"], name: _changed(value)}
        files.invoice = {**honest, "receipts": receipts}
        assert files.check() in {1, 2}, name
    files.invoice = honest
    assert files.check() == 0
    assert "is not of its content" in capsys.readouterr().out


def test_it_refuses_any_change_of_a_receipt(files):
    honest = files.receipts[1]
    for name, value in honest.items():
        receipts = list(files.receipts)
        receipts[1] = {**honest, name: _changed(value)}
        assert files.check(receipts) == 1, name


@pytest.mark.parametrize("name", ["receipt", "hash", "signature", "key_id", "proof"])
def test_it_refuses_any_change_of_a_single_receipt(files, name):
    signed = files.signed[2]
    assert files.check([{**signed, name: _changed(signed[name])}]) == 1


def test_it_refuses_receipts_that_are_left_out_or_put_in_or_moved(files, capsys):
    one, two, *rest = files.receipts
    assert files.check([one, *rest]) == 1
    assert "there are 5 receipts, the invoice names 6" in capsys.readouterr().out
    assert files.check([one, one, two, *rest]) == 1
    assert "receipt 1 comes after 1" in capsys.readouterr().out
    assert files.check([two, one, *rest]) == 1
    assert files.check([]) == 1


def test_it_refuses_the_receipts_of_another_invoice(files, tenant, price, capsys):
    use(tenant, price, 50, hour_at=NOON + 40 * HOUR)
    rate_usage(now=DECEMBER)
    late = issue_invoice(draft_of(tenant).pk, now=DECEMBER)
    other = VerifiedFiles(files.folder, late)

    assert other.check() == 0
    assert "1 lines add up, 0 by their price alone" in capsys.readouterr().out
    assert other.check(files.receipts) == 1
    assert files.check(other.receipts) == 1
    assert files.check(other.signed) == 1


def _sign(document):
    """As somebody would who has our key and means to deceive."""
    signer = Signer(settings.RECEIPT_KEY)
    text = invoice_text(invoice_digest(document))
    document["receipts"]["signature"] = signer.sign(text).hex()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"gross_nanos": 18_000, "amount_nanos": 18_000}, "by the price it is"),
        ({"amount_nanos": 1}, "the amount is not gross less discount"),
        ({"amount_cents": 1}, "the cents are not the amount rounded half up"),
        ({"rate_nanos_per_million": 1}, "the rate is not that of the printed price"),
        (
            {"quantity": 2_701, "gross_nanos": 54_020, "amount_nanos": 54_020},
            "the exact total is not that of the lines",
        ),
        ({"included_quantity": 2_701}, "something is below zero"),
    ],
)
def test_it_refuses_wrong_arithmetic_though_it_is_signed(
    files, changes, complaint, capsys
):
    (line,) = [x for x in files.invoice["lines"] if x["quantity"] == 2_700]
    line |= changes
    _sign(files.invoice)
    assert files.check() == 1
    assert complaint in capsys.readouterr().out


def test_it_refuses_a_signed_price_that_calls_were_not_sold_at(files, capsys):
    """Twice the price, and everything after it right."""
    (line,) = [x for x in files.invoice["lines"] if x["quantity"] == 2_700]
    (price,) = [
        x for x in files.invoice["receipts"]["prices"] if x["key"] == line["key"]
    ]
    price["pricing"]["rate_nanos_per_million"] *= 2
    line["rate_nanos_per_million"] *= 2
    for name in ("gross_nanos", "amount_nanos"):
        line[name] += 54_000
    files.invoice["total_nanos"] += 54_000
    _sign(files.invoice)
    assert files.check() == 1
    assert "sold at another rate than the invoice's" in capsys.readouterr().out


def test_it_refuses_another_key(files, capsys):
    honest = files.keys
    files.keys = {"keys": []}
    assert files.check() == 1
    assert "unknown key" in capsys.readouterr().out
    files.keys = {"keys": [{**honest["keys"][0], "public_key": "00" * 32}]}
    assert files.check() == 1


def test_it_says_when_a_file_cannot_be_read(files, tmp_path, capsys):
    arguments = files.write()
    assert main([str(tmp_path / "nothing"), *arguments[1:]]) == 2
    (tmp_path / "invoice.json").write_text("{}")
    assert main(arguments) == 2
    assert "cannot be read" in capsys.readouterr().out
