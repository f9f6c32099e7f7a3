"""The whole plant at this moment, as the operator's page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from frontend.operator.engine_looks import find_looks
from frontend.operator.kv_bars import KvBar, add_bars, bars_of, read_reserved
from inference.models import Engine
from inference.services.look_at_engines import EngineLook
from metering.services.read_token_rates import (
    STEP_SECONDS,
    STEPS,
    RatesOfEngines,
    TokenRates,
    read_token_rates,
)

MINUTES = STEPS * STEP_SECONDS // 60
SPARK_HEIGHT = 24
_NOW_STEPS = 3
"""Of the last ones, the newest that says something is the speed now: the reading after
the last step may not be there yet."""
TITLES: tuple[Promise, ...] = (
    _("Input, computed"),
    _("Input, from cache"),
    _("Output"),
)


@dataclass(frozen=True, kw_only=True)
class EngineRow:
    engine: Engine
    look: EngineLook | None
    """None: it was not asked, being away."""
    input_per_second: int
    output_per_second: int
    spark: str
    """Points of a line: all its tokens a second, over the last minutes."""
    spark_most: int
    """Tokens a second at its highest point."""
    bars: list[KvBar]

    @property
    def is_answering(self) -> bool:
        return self.look is not None and self.look.is_answering


@dataclass(frozen=True, kw_only=True)
class Plant:
    rows: list[EngineRow]
    bars: list[KvBar]
    """All engines together."""
    rates: TokenRates
    chart: dict[str, Any]
    table: list[tuple[datetime, int, int, int, int, int]]
    """By the minute, the newest first: when it began; tokens a second of each series,
    and the most calls that ran and waited."""
    running: int
    waiting: int
    input_per_second: int
    cached_per_second: int
    output_per_second: int

    @property
    def silent(self) -> list[EngineRow]:
        return [row for row in self.rows if not row.is_answering]


def find_plant(*, now: datetime) -> Plant:
    """Four queries, and what the engines say."""
    engines = list(Engine.objects.select_related("served_model").order_by("name"))
    looks, rates, reserved = find_looks(), read_token_rates(now=now), read_reserved()
    rows = [_row(engine, looks, rates, reserved) for engine in engines]
    together = rates.together
    gauges = [row.look.gauges for row in rows if row.look and row.look.gauges]
    computed, cached = _latest(together.computed_input), _latest(together.cached_input)
    return Plant(
        rows=rows,
        bars=add_bars(bar for row in rows for bar in row.bars),
        rates=together,
        chart=_chart(rates, together),
        table=_by_minute(rates, together),
        running=sum(one.running for one in gauges),
        waiting=sum(one.waiting for one in gauges),
        input_per_second=computed + cached,
        cached_per_second=cached,
        output_per_second=_latest(together.output),
    )


def _row(
    engine: Engine,
    looks: Mapping[int, EngineLook],
    rates: RatesOfEngines,
    reserved: Mapping[tuple[int, str], int],
) -> EngineRow:
    mine = rates.by_engine.get(engine.pk) or TokenRates()
    together = [
        sum(parts)
        for parts in zip(
            mine.computed_input, mine.cached_input, mine.output, strict=True
        )
    ]
    look = looks.get(engine.pk)
    return EngineRow(
        engine=engine,
        look=look,
        input_per_second=_latest(mine.computed_input) + _latest(mine.cached_input),
        output_per_second=_latest(mine.output),
        spark=_spark(together),
        spark_most=max(together),
        bars=bars_of(look, reserved) if look else [],
    )


def _latest(values: list[int]) -> int:
    return next((one for one in reversed(values[-_NOW_STEPS:]) if one), 0)


def _spark(values: list[int]) -> str:
    """An empty one lies on the ground."""
    most = max(1, *values)
    return " ".join(
        f"{at},{SPARK_HEIGHT - SPARK_HEIGHT * value // most}"
        for at, value in enumerate(values)
    )


def _chart(rates: RatesOfEngines, together: TokenRates) -> dict[str, Any]:
    series = (together.computed_input, together.cached_input, together.output)
    return {
        "at": [int(step.timestamp()) for step in rates.steps],
        "labels": [f"{step:%H:%M:%S}" for step in rates.steps],
        "unit": "tokens",
        "series": [
            {"title": str(title), "values": values}
            for title, values in zip(TITLES, series, strict=True)
        ],
    }


def _by_minute(
    rates: RatesOfEngines, together: TokenRates
) -> list[tuple[datetime, int, int, int, int, int]]:
    per = 60 // STEP_SECONDS
    table = []
    for first in range(0, STEPS, per):
        part = slice(first, first + per)
        table.append(
            (
                rates.steps[first],
                sum(together.computed_input[part]) // per,
                sum(together.cached_input[part]) // per,
                sum(together.output[part]) // per,
                max(together.running[part]),
                max(together.waiting[part]),
            )
        )
    return table[::-1]
