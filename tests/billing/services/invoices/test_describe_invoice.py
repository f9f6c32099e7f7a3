import msgspec
import pytest

from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.wire import InvoiceDocument
from tests.billing.usage import DECEMBER, NOON, draft_of, use


@pytest.fixture
def draft(tenant, price):
    use(tenant, price, 15_000)
    use(tenant, price, 12_000, meter="new_input_tokens")
    rate_usage(now=NOON)
    return draft_of(tenant)


def test_it_works(tenant, price, draft):
    document = describe_invoice(draft)
    assert (document.number, document.status) == (None, "draft")
    assert document.buyer.name == tenant.name
    assert [(line.key, line.amount) for line in document.lines] == [
        (f"usage:{price.pk}:new_input_tokens", "0.0012"),
        (f"usage:{price.pk}:output_tokens", "0.006"),
    ]
    assert document.net_cents + document.tax_cents == document.total_cents == 1
    assert (document.due_cents, document.due) == (1, "0.01")


def test_an_issued_one_reads_back_from_its_json(draft):
    document = describe_invoice(issue_invoice(draft.pk, now=DECEMBER))
    assert document.number == "TF-2026-000001"
    assert (
        msgspec.json.decode(msgspec.json.encode(document), type=InvoiceDocument)
        == document
    )
