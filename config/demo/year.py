"""The demo's story: what three tenants did in a year, lived through in order."""

import random
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from django.utils.text import slugify
from redis import RedisError

from billing.domain.periods import month_of
from billing.models.prices import PriceVersion
from billing.models.rating import BillingPeriod
from billing.services.rating.close_period import close_period
from billing.services.rating.rate_period import rate_period
from billing.services.rating.roll_up_tenant import roll_up_tenant
from billing.services.spend.doubt_money import doubt_money
from config.demo import catalogue, engines, tidy
from config.demo.calls import Counter, calls_between
from config.demo.catalogue import Shelf
from config.demo.characters import (
    CHARACTERS,
    EUROPEAN,
    SPIKY,
    STEADY,
    Character,
)
from config.demo.company import Company
from config.demo.conversations import (
    Keeper,
    Talk,
    talks_between,
    talks_now,
    tell_leases,
)
from config.demo.diary import Act, Diary
from config.demo.paying import ByCard, ByCredit, ByTransfer, Payer
from config.demo.prompts import keep_prompts
from metering.domain.months import month_after
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.store_usage_events import store_usage_events
from tenants.models import Tenant

SLUGS = tuple(slugify(one.name) for one in CHARACTERS)
_PAYERS: dict[str, type[Payer]] = {
    STEADY.slug: ByCard,
    SPIKY.slug: ByCredit,
    EUROPEAN.slug: ByTransfer,
}
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_CLOSED_AFTER = timedelta(hours=30)
"""A month's end: the tasks wait a day for late calls."""


def write_demo(
    *,
    now: datetime,
    months: int,
    seed: int = 7,
    password: str | None = None,
    dense_days: int = 32,
) -> list[Tenant]:
    """The three tenants, with so many whole months behind them and the present one.

    Each act commits by itself, so that nothing else waits for the whole. `dense_days`:
    the latest days, of which each hour has calls of its own.
    """
    first = month_of(now).start
    for _ in range(months):
        first = month_of(first - _DAY).start
    for month in _months(first, now):
        prepare_usage_partitions(month)
    diary = Diary()
    shelf = catalogue.stock(first)
    engines.rent(shelf, first)
    if months > 1:
        middle = list(_months(first, now))[months // 2]
        diary.write(middle, partial(catalogue.lower_prices, shelf))
    stories = [
        _Story(
            Company(character=one, shelf=shelf, password=password),
            diary,
            begin=first,
            end=now,
            dense_from=now - dense_days * _DAY,
            chance=random.Random(f"{seed} {one.slug}"),  # noqa: S311  looks, not secrets
        )
        for one in CHARACTERS
    ]
    for story in stories:
        story.write_down()
    diary.live(now)
    catalogue.show_capacity(shelf.engine, now)
    engines.sum_up(shelf, now)
    # What was counted while the tenants were being made is of their first days. Where
    # Valkey is away, it knows nothing when it comes back, and all is counted then.
    with suppress(RedisError):
        doubt_money()
    return [story.company.tenant for story in stories]


def _months(first: datetime, now: datetime) -> list[datetime]:
    found = [first]
    while month_after(found[-1]) <= now:
        found.append(month_after(found[-1]))
    return found


class _Story:
    """One tenant's acts, in the diary."""

    def __init__(
        self,
        company: Company,
        diary: Diary,
        *,
        begin: datetime,
        end: datetime,
        dense_from: datetime,
        chance: random.Random,
    ) -> None:
        self.company = company
        self.diary = diary
        self.begin, self.end, self.dense_from = begin, end, dense_from
        self.chance = chance
        self._unstored: list[Talk] = []
        """Of the months that are not closed, the earliest first."""
        self.payer = _PAYERS[company.character.slug](company, diary)

    @property
    def character(self) -> Character:
        return self.company.character

    @property
    def shelf(self) -> Shelf:
        return self.company.shelf

    def write_down(self) -> None:
        write, company = self._write, self.company
        write(self.begin, company.open)
        write(self.begin, self.payer.begin)
        months = _months(self.begin, self.end)
        for plan in self.character.keys:
            if plan.month < len(months):
                at = months[plan.month]
                write(at, partial(company.issue_key, plan))
                if plan.days:
                    # On the first of a month, before its calls are thought of.
                    ended = month_of(at + plan.days * _DAY).end
                    write(ended, partial(company.revoke_key, plan))
        for month in months:
            write(month, self._think_of_calls)
        self._write_people(months)
        self._write_settings()
        write(self.end, self._end)

    def _write_people(self, months: list[datetime]) -> None:
        seen: list[str] = []
        for number, role in enumerate(self.character.roles):
            at = self.begin + (3 + 19 * number) * _DAY + 9 * _HOUR
            join = partial(self.company.let_join, role, seen.count(role))
            self._write(at, join)
            seen.append(role)
        if len(months) > 1:
            self._write(self.end - 2 * _DAY, self.company.invite_one_more)

    def _write_settings(self) -> None:
        write, company, day_one = self._write, self.company, self.begin + 9 * _HOUR
        write(day_one, company.say_who_pays)
        write(day_one + _DAY, company.set_limits)
        write(day_one + 2 * _DAY, company.listen)
        write(day_one + 4 * _DAY, company.save_views)
        if self.character is EUROPEAN:
            keep = partial(company.keep_conversations, "Assistant")
            write(day_one + 5 * _DAY, keep)

    def _write(self, at: datetime, act: Act) -> None:
        self.diary.write(at, act, by=self.company.actor)

    def _think_of_calls(self, now: datetime) -> None:
        """Of the month that begins: what is called when, and so what it costs when."""
        company, end = self.company, min(month_after(now), self.end)
        counter = Counter(
            character=self.character,
            keys=[(key, plan.share) for key, plan in company.keys.values()],
            prices=self._prices(now),
            engine_id=self.shelf.engine.pk,
            dense_from=self.dense_from,
        )
        events = calls_between(
            counter, now, end, story=(self.begin, self.end), chance=self.chance
        )
        self.payer.look_ahead(events)
        talk = Talk(events=events, facts=[])
        if self.character is EUROPEAN:
            talk.add(talks_between(now, end, of=self._keeper(now)))
        self._unstored.append(talk)
        if end < self.end:
            # By nobody: Tokenfab closes months by itself.
            self.diary.write(end + _CLOSED_AFTER, partial(self._close, end))

    def _keeper(self, at: datetime) -> Keeper:
        return Keeper(
            api_key=self.company.keys["Assistant"][0],
            price=self._prices(at)[0],
            engine=self.shelf.engine,
            chance=self.chance,
        )

    def _prices(self, at: datetime) -> list[PriceVersion]:
        return [
            self.shelf.price_at(at, model=model.name, currency=self.character.currency)
            for model in self.shelf.models
        ]

    def _close(self, month_end: datetime, now: datetime) -> None:
        self._store(self._unstored.pop(0), now)
        invoices = close_period(tenant=self.company.tenant, until=month_end, now=now)
        for invoice in invoices:
            self.payer.is_billed(invoice, now)
        self._tidy(now)

    def _store(self, talk: Talk, now: datetime) -> None:
        store_usage_events(talk.events)
        tell_leases(self.shelf.engine, talk.facts, now=now)
        tidy.note_alerts(self.company, talk.events)

    def _tidy(self, now: datetime) -> None:
        tidy.note_mails_sent(self.company, now)
        tidy.deliver(self.company, self.chance)

    def _end(self, now: datetime) -> None:
        """The present: what is not over yet, up to the last minute."""
        last = self._unstored[-1]
        if self.character is EUROPEAN:
            last.add(talks_now(now, of=self._keeper(now)))
        if self.character is STEADY:
            api_key, price = self.company.keys["Production"][0], self._prices(now)[0]
            last.events += keep_prompts(
                self.shelf, api_key, price, now=now, chance=self.chance
            )
        for talk in self._unstored:
            self._store(talk, now)
        tenant = self.company.tenant
        roll_up_tenant(tenant, until=now + _HOUR)
        for period in BillingPeriod.objects.filter(tenant=tenant).changed():
            rate_period(period.pk, now=now)
        self._tidy(now)
