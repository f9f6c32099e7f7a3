"""What the demo sells: two models with their prices, three plans, and who sells."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.rating import Rates
from billing.models.plans import Plan, PlanKind
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.models.taxes import LegalEntity
from billing.services.invoices.read_parties import keep_seller, read_parties
from billing.services.plans.offer_plan import offer_plan
from billing.services.prices.set_price import set_price
from inference.capacity_models import EngineCapacity
from inference.models import Engine, EngineState, ServedModel
from inference.services.register_served_model import register_served_model
from tenants.models import Tenant

CURRENCIES = ("USD", "EUR")
BLOCK_TOKENS = 16
TOKEN_BYTES = 46_080
"""Of KV, in the demo's larger model."""
_MODELS = (
    ("demo-405b", "Demo 405B", 131_072, (4_000_000_000, 1_000_000_000, 12_000_000_000)),
    ("demo-32b", "Demo 32B", 65_536, (600_000_000, 120_000_000, 1_800_000_000)),
)
_HBM, _HOST = 13_500_000, 200_000
_CHEAPER_PERCENT = 90
"""Of the first prices, from the middle of the story on."""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Where calls are answered and what they cost."""

    models: tuple[ServedModel, ...]
    engine: Engine

    def price_at(self, at: datetime, *, model: str, currency: str) -> PriceVersion:
        versions = PriceVersion.objects.in_effect_at(at)
        return versions.get(
            served_model__name=model,
            price_book__is_list=True,
            price_book__currency=currency,
        )


def stock(now: datetime) -> Shelf:
    models = tuple(
        register_served_model(
            name=name,
            title=title,
            context_tokens=context_tokens,
            is_default=False,
            now=now,
        )
        for name, title, context_tokens, _ in _MODELS
    )
    set_prices(models, percent=100, now=now)
    _offer_plans(now)
    return Shelf(models=models, engine=_engine(models[0], now))


def lower_prices(shelf: Shelf, now: datetime) -> None:
    set_prices(shelf.models, percent=_CHEAPER_PERCENT, now=now)


def set_prices(models: tuple[ServedModel, ...], *, percent: int, now: datetime) -> None:
    for model, (*_, rates) in zip(models, _MODELS, strict=True):
        new, cached, output = (rate * percent // 100 for rate in rates)
        for currency in CURRENCIES:
            set_price(
                served_model=model,
                rates=Rates(
                    new_input_nanos_per_million=new,
                    cached_input_nanos_per_million=cached,
                    output_nanos_per_million=output,
                    hbm_mb_s_nanos_per_million=_HBM,
                    host_mb_s_nanos_per_million=_HOST,
                ),
                effective_from=now,
                price_book=PriceBook.objects.list_book(currency),
                now=now,
            )


def _offer_plans(now: datetime) -> None:
    plans = (
        Plan(
            code="demo_business",
            name="Demo Business",
            description="A price a month, and what you use at the prices of the list.",
            kind=PlanKind.SUBSCRIPTION,
            price_cents=19_900,
        ),
        Plan(
            code="demo_prepaid",
            name="Demo Prepaid",
            description="Buy credit, use it, buy more. Never a bill.",
            kind=PlanKind.PREPAID,
        ),
        Plan(
            code="demo_flex_eur",
            name="Demo Flex",
            description="What you use, in euros, by invoice.",
            kind=PlanKind.PAY_AS_YOU_GO,
            currency="EUR",
        ),
    )
    for plan in plans:
        offer_plan(plan, [], now=now)


def _engine(model: ServedModel, now: datetime) -> Engine:
    """It takes no work, since nothing is there."""
    return Engine.objects.create(
        name="demo-engine",
        served_model=model,
        address="http://demo-engine.example:8000",
        is_draining=True,
        state=EngineState.READY,
        checked_at=now,
        ready_at=now,
    )


def show_capacity(engine: Engine, now: datetime) -> None:
    """GPU memory for 180,000 tokens in leases, and host memory for 2 million."""
    for tier, sellable, guaranteed, held in (
        ("hbm", 11_250, 4_500, 4_870),
        ("host", 125_000, 125_000, 9_300),
    ):
        EngineCapacity.objects.create(
            engine=engine,
            tier=tier,
            sellable_blocks=sellable,
            guaranteed_blocks=guaranteed,
            tenant_blocks=sellable // 2,
            held_blocks=held,
            block_tokens=BLOCK_TOKENS,
            block_bytes=BLOCK_TOKENS * TOKEN_BYTES,
            epoch="demo",
            read_at=now,
        )
    Engine.objects.filter(pk=engine.pk).update(checked_at=now, ready_at=now)


def seller_of_demo(tenant: Tenant) -> LegalEntity:
    """With invoice numbers of its own, and never the default seller: who sells to
    everybody else is kept first.
    """
    keep_seller(read_parties(tenant).seller)
    entity, _ = LegalEntity.objects.get_or_create(
        number_prefix="DEMO",
        defaults={
            "name": "Tokenfab Demo GmbH",
            "address": "Beispielstraße 1",
            "postcode": "10115",
            "city": "Berlin",
            "country": "DE",
            "vat_id": "DE136695976",
            "email": "billing@demo.example",
            "iban": "DE89370400440532013000",
            "bic": "COBADEFFXXX",
        },
    )
    return entity
