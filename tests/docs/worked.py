"""What the blocks of docs/worked-examples.md say, worked out by the product's rules.

A block is YAML: `given`, one of whose keys chooses the rule; `then`, what it must come
to; and `also`, sums that are to be right. Numbers are as people write them: `15,000`.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.domain.charges import Charge, usage_key
from billing.domain.credit import Grant, allocate, consumed_before_expiry
from billing.domain.credit_notes import Creditable, take, tax_taken
from billing.domain.invoice import Billed, overbilled, unbilled
from billing.domain.lease_cost import storage_nanos
from billing.domain.money import (
    amount_nanos,
    amount_of_cents,
    cents,
    exact_amount,
    percent,
)
from billing.domain.month import (
    Allowance,
    Commitment,
    CouponTerms,
    MonthTerms,
    PlanTerms,
    charge_month,
)
from billing.domain.periods import Period, add_months, month_of
from billing.domain.price_models import (
    MeterPricing,
    PriceModel,
    Step,
    amount_of,
    explain,
    standard,
)
from billing.domain.rating import PricedUsage, Usage
from billing.domain.taxes import TaxQuestion, net_of_lines, tax_groups, treat
from tests.docs.worked_blocks import Block, Noted, unread
from tests.docs.worked_story import work_story

MODEL = "m"


def number(text: str) -> int:
    return int(text.replace(",", ""))


def nano(text: str) -> int:
    """Of units."""
    exact = Decimal(text.replace(",", "")).scaleb(9)
    assert exact == exact.to_integral_value(), text
    return int(exact)


def basis_points(text: str) -> int:
    return int(Decimal(text).scaleb(2))


def time(text: str) -> datetime:
    """`2026-11-30`, or with an hour: `2026-11-30 23:59:59`."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def shown(amount: int) -> str:
    return exact_amount(amount)


def pricing(given: Any) -> MeterPricing:
    """`0.40` per million, or a package, or steps."""
    if isinstance(given, str):
        return standard(nano(given))
    if "package" in given:
        return MeterPricing(
            PriceModel.PACKAGE,
            package_units=number(given["package"]),
            package_nanos=nano(given["for"]),
        )
    steps = tuple(
        Step(
            number(step["up_to"]) if "up_to" in step else None,
            nano(step["rate"]),
            nano(step.get("flat", "0")),
        )
        for step in given["steps"]
    )
    return MeterPricing(PriceModel(given["model"]), steps=steps)


def month(given: Block) -> list[Charge]:
    """`month`, `usage`, `plans`, `coupons`, `until`."""
    span = month_of(time(f"{given['month']}-01"))
    terms = MonthTerms(
        month=span,
        plans=[_plan(place, plan) for place, plan in enumerate(given.get("plans", []))],
        coupons=[
            CouponTerms(
                percent_basis_points=basis_points(one.get("percent", "0")),
                amount_nanos=nano(one.get("amount", "0")),
            )
            for one in given.get("coupons", [])
        ],
    )
    usages = [_usage(use) for use in given.get("usage", [])]
    until = time(given["until"]) if "until" in given else None
    return charge_month(usages, terms, until=until)


def _usage(use: Block) -> PricedUsage:
    usage = Usage(
        model=use.get("model", MODEL),
        meter=use["meter"],
        price_version_id=number(use.get("price_version", "1")),
        quantity=number(use["quantity"]),
    )
    return PricedUsage(usage=usage, pricing=pricing(use["price"]))


def _plan(place: int, plan: Block) -> PlanTerms:
    commitment = plan.get("commitment")
    return PlanTerms(
        subscription_id=place + 1,
        name=plan["name"],
        starts_at=time(plan["from"]),
        ends_at=time(plan["to"]) if "to" in plan else None,
        trial_ends_at=time(plan["trial_until"]) if "trial_until" in plan else None,
        price_nanos=nano(plan.get("price", "0")),
        minimum_nanos=nano(plan.get("minimum", "0")),
        percentage_basis_points=basis_points(plan.get("percentage", "0")),
        allowances=tuple(
            Allowance(model="", meter=meter, quantity=number(quantity))
            for meter, quantity in plan.get("includes", {}).items()
        ),
        commitment=commitment
        and Commitment(
            amount_nanos=nano(commitment["amount"]),
            ends_at=time(commitment["ends"]),
            spent_before_nanos=nano(commitment["spent_before"]),
        ),
    )


def _line(charge: Charge) -> Block:
    return {
        "line": charge.description or charge.meter,
        "quantity": f"{charge.quantity:,}",
        "included": f"{charge.included_quantity:,}",
        "before discounts": shown(charge.gross_nanos),
        "discount": shown(charge.discount_nanos),
        "exact": shown(charge.amount_nanos),
        "amount": amount_of_cents(cents(charge.amount_nanos)),
    }


def _lines(charges: Iterable[Charge]) -> Block:
    lines = [_line(charge) for charge in charges]
    total = sum(cents(charge.amount_nanos) for charge in charges)
    return {"lines": lines, "total": amount_of_cents(total)}


def work_month(given: Block) -> Block:
    """With `billed`: what the next invoice shows, and what a credit note takes back."""
    charges = month(given)
    if "billed" not in given:
        return _lines(charges)
    billed = {_key(one): one for one in given["billed"]}
    before = {
        key: Billed(quantity=number(one["quantity"]), amount_nanos=nano(one["exact"]))
        for key, one in billed.items()
    }
    taken = [
        part
        for excess in overbilled(charges, before)
        for part in take(
            [_creditable(before[excess.key])],
            quantity=excess.quantity,
            amount_nanos=excess.amount_nanos,
        )
    ]
    return {
        "next invoice": _lines(unbilled(charges, before))["lines"],
        "credit note": [
            {
                "quantity": f"{part.quantity:,}",
                "exact": shown(part.amount_nanos),
                "amount": amount_of_cents(part.amount_cents),
            }
            for part in taken
        ],
    }


def _key(one: Block) -> str:
    if "key" in one:
        return str(one["key"])
    return usage_key(number(one.get("price_version", "1")), one["meter"])


def _creditable(line: Billed) -> Creditable:
    return Creditable(
        line_id=1,
        quantity=line.quantity,
        amount_nanos=line.amount_nanos,
        amount_cents=cents(line.amount_nanos),
    )


def work_lines(given: Block) -> Block:
    """Each a quantity at a rate per million, rounded for itself."""
    amounts = [
        amount_nanos(number(one["quantity"]), nano(one["price"]))
        for one in given["lines"]
    ]
    return {
        "lines": [
            {"exact": shown(amount), "amount": amount_of_cents(cents(amount))}
            for amount in amounts
        ],
        "exact total": shown(sum(amounts)),
        "total": amount_of_cents(sum(map(cents, amounts))),
    }


def work_price(given: Block) -> Block:
    """What some quantities come to, and the arithmetic of the last one."""
    found = pricing(given["price"])
    quantities = [number(text) for text in given["quantities"]]
    return {
        "costs": [shown(amount_of(found, quantity)) for quantity in quantities],
        "of the last": [
            {
                "row": row.label,
                "quantity": f"{row.quantity:,}",
                "exact": shown(row.amount_nanos),
            }
            for row in explain(found, quantities[-1])
        ],
    }


def work_tax(given: Block) -> Block:
    seller, buyer = given["seller"], given["buyer"]
    treatment = treat(
        TaxQuestion(
            seller_country=seller["country"],
            seller_vat_id=seller.get("vat_id", ""),
            buyer_country=buyer.get("country", ""),
            buyer_vat_id=buyer.get("vat_id", ""),
            buyer_is_business=buyer.get("business") == "yes",
            on=time(given["on"]).date(),
        ),
        {country: basis_points(rate) for country, rate in given["rates"].items()},
    )
    lines = [int(Decimal(text).scaleb(2)) for text in given["tax on lines"]]
    (group,) = tax_groups(
        [(treatment, line) for line in lines],
        is_inclusive=given.get("prices") == "include tax",
    )
    return {
        "category": treatment.category.value,
        "rate": percent(treatment.rate_basis_points),
        "net lines": [
            amount_of_cents(line) for line in net_of_lines(lines, group.taxable_cents)
        ],
        "net": amount_of_cents(group.taxable_cents),
        "tax": amount_of_cents(group.tax_cents),
        "total": amount_of_cents(group.taxable_cents + group.tax_cents),
    }


def work_tax_back(given: Block) -> Block:
    """The tax on parts that credit notes take from an invoice, one after another."""
    left, tax = (int(Decimal(given[name]).scaleb(2)) for name in ("net", "tax"))
    found = []
    for text in given["tax back on"]:
        taken = int(Decimal(text).scaleb(2))
        back = tax_taken(taken_cents=taken, left_cents=left, left_tax_cents=tax)
        left, tax = left - taken, tax - back
        found.append(amount_of_cents(back))
    return {"tax back": found, "tax left": amount_of_cents(tax)}


def _grants(given: Block) -> dict[str, Grant]:
    return {
        one["name"]: Grant(
            grant_id=place,
            remaining_nanos=nano(one["left"]),
            priority=number(one["priority"]),
            granted_at=time(one["granted"]),
            expires_at=time(one["expires"]) if "expires" in one else None,
        )
        for place, one in enumerate(given["grants"])
    }


def work_grants(given: Block) -> Block:
    """With `expiring`, how much of that grant calls before its end had used."""
    grants = _grants(given)
    if "expiring" in given:
        expiring = grants[given["expiring"]]
        used = consumed_before_expiry(
            expiring,
            [grant for grant in grants.values() if grant is not expiring],
            unbilled_nanos=nano(given["unbilled"]),
        )
        return {
            "used": shown(used),
            "expired": shown(expiring.remaining_nanos - used),
        }
    names = {grant.grant_id: name for name, grant in grants.items()}
    amount, at = nano(given["pay"]), time(given["at"])
    shares = allocate(grants.values(), amount, at=at)
    paid = sum(share.amount_nanos for share in shares)
    return {
        "paid by": {
            names[share.grant_id]: shown(share.amount_nanos) for share in shares
        },
        "still to pay": shown(amount - paid),
    }


def work_anchor(given: Block) -> Block:
    anchor = time(given["anchor"])
    months = [add_months(anchor, number(text)) for text in given["months"]]
    return {"ends": [f"{one:%Y-%m-%d}" for one in months]}


def work_instants(given: Block) -> Block:
    spans: list[Period] = [month_of(time(text)) for text in given["instants"]]
    return {
        "months": [f"{span.start:%Y-%m}" for span in spans],
        "seconds": [
            f"{(span.end - span.start).total_seconds():,.0f}" for span in spans
        ],
    }


def work_lease(given: Block) -> Block:
    size = number(given["lease of bytes"])
    time_ms = number(given["milliseconds"])
    rate = nano(given["price"])
    cost = storage_nanos(size, time_ms=time_ms, rate_nanos_per_million=rate)
    tokens = number(given["tokens"])
    saved = amount_nanos(tokens, nano(given["input price"]))
    return {"storage": shown(cost), "input not paid, a turn": shown(saved)}


RULES: dict[str, Callable[[Block], Block]] = {
    "month": work_month,
    "lines": work_lines,
    "quantities": work_price,
    "tax on lines": work_tax,
    "tax back on": work_tax_back,
    "grants": work_grants,
    "anchor": work_anchor,
    "instants": work_instants,
    "lease of bytes": work_lease,
    "story": work_story,
}
"""By the key in `given` that chooses it."""


def work_out(given: Block) -> Block:
    """Refuses a key that has no meaning."""
    (rule,) = (rule for key, rule in RULES.items() if key in given)
    noted = Noted(given)
    found = rule(noted)
    assert unread(noted) == set()
    return found
