"""What the page about a plan's prices shows."""

from collections.abc import Iterator
from dataclasses import dataclass

from billing.models.prices import PriceVersion
from billing.services.plans.preview_plan_book import PlanBookPreview
from frontend.prices.price_list import ShownMeter, show_meters


@dataclass(frozen=True, kw_only=True)
class MeterChange:
    model: str
    title: str
    before: ShownMeter | None
    """None: not sold."""
    after: ShownMeter | None


def show_changes(preview: PlanBookPreview) -> list[MeterChange]:
    """Meter by meter; those that stay are left out."""
    return [
        change
        for one in preview.changes
        for change in _of_model(one.served_model.name, one.before, one.after)
    ]


def _of_model(
    name: str, before: PriceVersion | None, after: PriceVersion | None
) -> Iterator[MeterChange]:
    old = {one.meter: one for one in show_meters(before)}
    new = {one.meter: one for one in show_meters(after)}
    for meter in old | new:
        found = MeterChange(
            model=name,
            title=(old | new)[meter].title,
            before=old.get(meter),
            after=new.get(meter),
        )
        if found.before != found.after:
            yield found
