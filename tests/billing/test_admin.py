"""Staff look at history and set prices; nobody else gets in."""

import pytest
from django.urls import reverse

from billing.models.invoices import Invoice
from billing.models.prices import PriceVersion
from billing.models.tax_rates import TaxRate
from billing.models.taxes import LegalEntity, TaxProfile
from billing.services.credit.grant_credit import grant_credit
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.factories import make_user

pytestmark = pytest.mark.django_db
MODELS = (
    "priceversion",
    "billingperiod",
    "invoice",
    "ledgertransaction",
    "creditgrant",
    "taxrate",
)
ADD_PRICE = "/admin/billing/priceversion/add/"


@pytest.fixture
def staff(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def invoice(tenant, price):
    use(tenant, price, 15_000)
    rate_usage(now=NOON)
    grant_credit(
        tenant=tenant,
        amount_nanos=1_000_000_000,
        reason="gift",
        idempotency_key="1",
        now=NOON,
    )
    return issue_invoice(draft_of(tenant).pk, now=DECEMBER)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_row_is_shown(staff, model):
    answer = staff.get(reverse(f"admin:billing_{model}_changelist"))
    assert answer.status_code == 200

    row = answer.context["cl"].result_list[0]
    page = staff.get(reverse(f"admin:billing_{model}_change", args=[row.pk]))
    assert page.status_code == 200


def test_an_invoice_shows_its_lines(staff, invoice):
    page = staff.get(reverse("admin:billing_invoice_change", args=[invoice.pk]))

    assert "0.006" in page.content.decode()


def test_history_is_read_only(staff, invoice):
    url = reverse("admin:billing_invoice_change", args=[invoice.pk])

    assert staff.post(url, {"number": "TF-2026-000009"}).status_code == 403
    delete = reverse("admin:billing_invoice_delete", args=[invoice.pk])
    assert staff.post(delete, {"post": "yes"}).status_code == 403
    assert Invoice.objects.get().number == "TF-2026-000001"


def price_form(price, **changes):
    return {
        "served_model": price.served_model_id,
        "new_input_nanos_per_million": "0.25",
        "cached_input_nanos_per_million": "0.05",
        "output_nanos_per_million": "1",
        "effective_from_0": "2100-01-01",
        "effective_from_1": "00:00:00",
        **changes,
    }


def test_a_price_is_set_through_the_service(staff, price):
    assert staff.get(ADD_PRICE).status_code == 200

    assert staff.post(ADD_PRICE, price_form(price)).status_code == 302

    new = PriceVersion.objects.latest("id")
    assert new.new_input_nanos_per_million == 250_000_000
    price.refresh_from_db()
    assert price.effective_to == new.effective_from


def test_a_lease_has_a_price_for_each_tier_or_none(staff, price):
    rates = {"hbm_mb_s_nanos_per_million": "0.0135"}

    assert staff.post(ADD_PRICE, price_form(price, **rates)).status_code == 302

    new = PriceVersion.objects.latest("id")
    assert new.hbm_mb_s_nanos_per_million == 13_500_000
    assert new.host_mb_s_nanos_per_million is None
    assert new.disk_mb_s_nanos_per_million is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"effective_from_0": "2026-01-01"}, "change the past"),
        ({"output_nanos_per_million": "0.0000000001"}, "more than 9 decimals"),
    ],
)
def test_it_refuses_a_price_that_the_service_refuses(staff, price, changes, reason):
    answer = staff.post(ADD_PRICE, price_form(price, **changes))

    assert answer.status_code == 200
    assert reason in answer.content.decode()
    assert PriceVersion.objects.count() == 1


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("model", MODELS)
def test_it_refuses_who_is_not_staff(client, model):
    client.force_login(make_user())

    answer = client.get(reverse(f"admin:billing_{model}_changelist"))

    assert answer.status_code == 302


def test_staff_enter_a_rate_of_tax(staff):
    answer = staff.post(
        "/admin/billing/taxrate/add/",
        {"country": "CH", "rate_basis_points": 810, "effective_from": "2026-01-01"},
    )
    assert answer.status_code == 302
    assert TaxRate.objects.get(country="CH").rate_basis_points == 810


def test_it_refuses_a_rate_that_overlaps_another(staff):
    answer = staff.post(
        "/admin/billing/taxrate/add/",
        {"country": "DE", "rate_basis_points": 1600, "effective_from": "2026-07-01"},
    )
    assert answer.status_code == 200
    assert TaxRate.objects.filter(country="DE").count() == 1


ENTITY = {
    "name": "Tokenfab Example GmbH",
    "country": "DE",
    "vat_id": "136695976",
    "iban": "DE89 3704 0044 0532 0130 00",
    "bic": "COBADEFFXXX",
    "number_prefix": "EX",
    "payment_days": 14,
}


def test_staff_say_who_sells(staff):
    answer = staff.post("/admin/billing/legalentity/add/", ENTITY)
    assert answer.status_code == 302
    entity = LegalEntity.objects.get(number_prefix="EX")
    assert (entity.vat_id, entity.iban) == ("DE136695976", "DE89370400440532013000")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("vat_id", "DE136695977", "not a VAT id of DE"),
        ("iban", "DE88370400440532013000", "not an IBAN"),
        ("bic", "NOPE", "not a BIC"),
    ],
)
def test_it_refuses_mistyped_numbers_of_a_seller(staff, name, value, words):
    answer = staff.post("/admin/billing/legalentity/add/", {**ENTITY, name: value})
    assert answer.status_code == 200
    assert words in str(answer.context["adminform"].form.errors)
    assert not LegalEntity.objects.filter(number_prefix="EX").exists()


def test_staff_choose_who_sells_to_a_tenant_and_nothing_else(staff, tenant):
    profile = TaxProfile.objects.create(tenant=tenant, name="Acme", country="FR")
    entity = LegalEntity.objects.create(name="Another", number_prefix="AN")
    answer = staff.post(
        f"/admin/billing/taxprofile/{profile.pk}/change/",
        {"legal_entity": entity.pk, "name": "Renamed"},
    )
    assert answer.status_code == 302
    profile.refresh_from_db()
    assert (profile.legal_entity, profile.name) == (entity, "Acme")
