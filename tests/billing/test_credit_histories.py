"""Long histories of calls, deaths, grants and invoices: credit is one number.

Whatever happens in whatever order, once it is quiet the page, the limiter and the books
show the same, to the nanos.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis

from billing.domain.credit import CreditKind
from billing.domain.money import NANOS_PER_CENT
from billing.errors import InvalidCreditError, NothingToIssueError
from billing.models.credit import CreditDraw, CreditGrant
from billing.models.invoices import Invoice
from billing.models.ledger import LedgerBalance
from billing.services.credit.credit_of import credit_of
from billing.services.credit.expire_credit import expire_credit
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit.return_credit import return_credit
from billing.services.credit.withdraw_credit import withdraw_credit
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.ledger.refresh_balances import refresh_balances
from billing.services.rating.rate_period import rate_period
from billing.services.rating.rate_usage import rate_usage
from billing.services.rating.unbilled_before import unbilled_before
from billing.services.spend.doubt_money import doubt_money
from billing.services.spend.read_spend import read_spend
from metering.services.roll_up_usage import roll_up_usage
from metering.wire import UsageEvent
from tests.billing.money import spent_event
from tests.billing.money_history import Call, History, playing, walk
from tests.billing.usage import balances, make_price

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
PER_TOKEN = 1_000


class CreditHistory(History):
    """The limiter charges each call up to a token more than the invoice will."""

    held_max = NANOS_PER_CENT

    def __init__(self, valkey: redis.Redis, root: Path, seed: int) -> None:
        super().__init__(valkey, root, seed)
        self.price = make_price(rates=(0, 0, PER_TOKEN * 1_000))

    def event(self, call: Call) -> UsageEvent:
        return spent_event(
            call.api_key,
            call.cost,
            at=call.happened_at,
            model=self.price.served_model.name,
            price_version_id=self.price.pk,
            input_tokens=0,
            cached_input_tokens=0,
            cache_write_tokens=0,
            output_tokens=call.cost // PER_TOKEN,
        )

    def grant(self) -> None:
        ends_in = self.chance.choice([None, None, 1, 100, 1000])
        grant_credit(
            tenant=self.tenant,
            amount_nanos=self.chance.randint(1, 2 * NANOS_PER_CENT),
            reason="test",
            idempotency_key=f"{self.chance.random()}",
            now=self.now,
            kind=self.chance.choice(list(CreditKind)),
            priority=self.chance.choice([None, 1, 50]),
            expires_at=None
            if ends_in is None
            else self.now + timedelta(milliseconds=ends_in),
        )

    def expire(self) -> None:
        expire_credit(now=self.now)

    def withdraw(self) -> None:
        grants = list(CreditGrant.objects.all())
        if not grants:
            return
        try:
            withdraw_credit(
                grant=self.chance.choice(grants),
                amount_nanos=self.chance.randint(1, NANOS_PER_CENT),
                reason="test",
                idempotency_key=f"{self.chance.random()}",
                now=self.now,
            )
        except InvalidCreditError:
            return

    def issue(self) -> None:
        roll_up_usage()
        assert rate_usage(now=self.now).refused == 0
        for draft in Invoice.objects.filter(status="draft"):
            try:
                issue_invoice(draft.pk, now=self.now, until=_next_hour(self.now))
            except NothingToIssueError:
                continue

    def void(self) -> None:
        """As the service does that voids an invoice of which something is due."""
        issued = list(Invoice.objects.filter(status="issued"))
        if issued:
            invoice = self.chance.choice(issued)
            return_credit(invoice, now=self.now)
            Invoice.objects.filter(pk=invoice.pk).update(status="void")
            for period in self.tenant.billing_periods.all():
                rate_period(period.pk, now=self.now)

    def refresh(self) -> None:
        refresh_balances(entries_min=1)

    def forget(self) -> None:
        rows = list(LedgerBalance.objects.all())
        for row in self.chance.sample(rows, len(rows) // 2):
            row.delete()

    def be_quiet(self) -> None:
        self.settle_everything()
        doubt_money()
        self.count()
        self.count()

    def check_credit(self) -> None:
        """At a quiet moment."""
        page = read_spend(self.tenant.pk, [], now=self.now)
        assert page is not None
        by_books = credit_of(self.tenant) - unbilled_before(
            self.tenant.pk, self.now + HOUR
        )
        assert page.credit_left == by_books
        grants = list(CreditGrant.objects.with_remaining())
        assert credit_of(self.tenant) == sum(grant.remaining for grant in grants)
        assert all(grant.remaining >= 0 for grant in grants)
        self._check_invoices()

    def _check_invoices(self) -> None:
        owed = drawn = 0
        for invoice in Invoice.objects.exclude(status="draft"):
            draws = CreditDraw.objects.filter(invoice=invoice)
            paid = sum(draw.amount_nanos for draw in draws)
            applied = invoice.credit_applied_cents * NANOS_PER_CENT
            assert paid == (0 if invoice.status == "void" else applied)
            owed += invoice.total_cents * NANOS_PER_CENT
            drawn += paid
        # Voiding itself, which is not played here, would book a voided one away.
        assert balances(self.tenant).get("receivable", 0) == owed - drawn


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + HOUR


@pytest.fixture
def start(valkey, tmp_path, settings):
    with playing(
        CreditHistory, valkey=valkey, root=tmp_path, settings=settings
    ) as begin:
        yield begin


def steps_of(history: CreditHistory) -> dict[Callable[[], None], int]:
    return {
        history.admit: 8,
        history.end: 7,
        history.settle: 7,
        history.die: 1,
        history.ship: 5,
        history.count: 5,
        history.grant: 2,
        history.expire: 2,
        history.withdraw: 1,
        history.issue: 1,
        history.void: 2,
        history.refresh: 1,
        history.forget: 1,
    }


@pytest.mark.parametrize("seed", range(4))
def test_it_works(start, seed):
    """Checked once in the middle and once at the end; 40 seeds once."""
    history = start(seed)
    for _ in range(2):
        walk(history, steps_of(history))

        history.be_quiet()

        history.check_counters()
        history.check_credit()
    history.expire()
    history.count()
    history.check_credit()


@pytest.mark.parametrize("seed", range(2))
def test_it_works_when_valkey_forgets(start, seed):
    """The same, with a Valkey that comes back without its last second."""
    history = start(100 + seed)
    walk(history, {**steps_of(history), history.restart: 1})

    history.be_quiet()

    history.check_counters()
    history.check_credit()
