"""How the three pay: by card at once, by credit, and by transfer when they like."""

from datetime import datetime, timedelta
from functools import partial
from itertools import cycle

from billing.domain.credit import CreditKind
from billing.domain.dunning import LEVELS, Step
from billing.domain.payments import Told
from billing.models.credit_notes import CreditNoteTarget
from billing.models.dunning import DunningStep
from billing.models.invoices import Invoice
from billing.models.payments import (
    Payment,
    PaymentKind,
    PaymentMethod,
)
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.dunning.lift_restriction import called_for
from billing.services.invoices.settle_invoice import due_cents
from billing.services.payments.fail_payment import fail_payment
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.record_payment import record_payment
from config.demo.calls import time_of
from config.demo.company import NANOS, Company
from config.demo.diary import Diary
from metering.wire import UsageEvent
from tenants.services.set_restriction import set_restriction

_DECLINED_MONTH = 7
_CREDITED_MONTH = 5
_GIVEN_BACK_MONTH = 4
_DAYS_UNTIL_TRANSFER = (11, 20, 16, 26, 13, 31, 12, 18)
_TOP_UP_CENTS = (5_000, 10_000, 25_000)
_GIFT_NANOS = 25 * NANOS
_DAY = timedelta(days=1)


class Payer:
    """What follows from an issued invoice; and, for credit, from calls."""

    def __init__(self, company: Company, diary: Diary) -> None:
        self.company = company
        self.diary = diary
        self._invoices = 0

    def is_billed(self, invoice: Invoice, now: datetime) -> None:
        number, self._invoices = self._invoices, self._invoices + 1
        self.after(invoice, number, now)

    def after(self, invoice: Invoice, number: int, now: datetime) -> None:
        """Nothing, unless a kind of payer does something."""

    def begin(self, now: datetime) -> None:
        """When the tenant has been opened."""

    def look_ahead(self, events: list[UsageEvent]) -> None:
        """When the calls of a month are known, at its begin."""


class ByCard(Payer):
    """Charged as soon as it is billed. Once the bank says no, twice."""

    def begin(self, now: datetime) -> None:
        _keep_card(self.company, now)

    def after(self, invoice: Invoice, number: int, now: datetime) -> None:
        at = now + timedelta(minutes=2)
        if number == _DECLINED_MONTH:
            self.diary.write(at, partial(self._decline, invoice, Step.PAYMENT_FAILED))
            at += _DAY
            self.diary.write(at, partial(self._decline, invoice, Step.RETRY_1))
            at += 2 * _DAY
            self.diary.write(at, partial(_note_step, invoice, Step.RETRY_2))
        self.diary.write(at, partial(self._charge, invoice))
        if number == _CREDITED_MONTH:
            self.diary.write(at + 3 * _DAY, partial(_credit, invoice))

    def _charge(self, invoice: Invoice, now: datetime) -> None:
        if cents := due_cents(Invoice.objects.get(pk=invoice.pk)):
            payment = _card_payment(self.company, cents, invoice, now)
            record_payment(payment.pk, now=now, provider_id=f"pi_demo_{payment.pk}")

    def _decline(self, invoice: Invoice, step: Step, now: datetime) -> None:
        cents = due_cents(Invoice.objects.get(pk=invoice.pk))
        payment = _card_payment(self.company, cents, invoice, now)
        fail_payment(
            payment.pk,
            told=Told.FAILED,
            failure_code="insufficient_funds",
            now=now,
            provider_id=f"pi_demo_{payment.pk}",
        )
        _note_step(invoice, step, now)


class ByCredit(Payer):
    """Begins with a gift, and buys more whenever little is left."""

    def begin(self, now: datetime) -> None:
        _keep_card(self.company, now)
        grant_credit(
            tenant=self.company.tenant,
            amount_nanos=_GIFT_NANOS,
            reason="Welcome: try it out",
            idempotency_key="demo-welcome",
            kind=CreditKind.PROMOTIONAL,
            now=now,
        )
        self._left_nanos = _GIFT_NANOS

    def look_ahead(self, events: list[UsageEvent]) -> None:
        for event in events:
            self._left_nanos -= event.cost_nanos
            if self._left_nanos < 10 * NANOS:
                self._buy(time_of(event), event.cost_nanos)

    def _buy(self, at: datetime, latest_nanos: int) -> None:
        """The more it uses, the more at once."""
        cents = _TOP_UP_CENTS[min(2, int(latest_nanos > NANOS // 30) + (at.month % 2))]
        self._left_nanos += cents * 10_000_000
        self.diary.write(at, partial(self._top_up, cents), by=self.company.actor)

    def _top_up(self, cents: int, now: datetime) -> None:
        payment = _card_payment(self.company, cents, None, now)
        record_payment(payment.pk, now=now, provider_id=f"pi_demo_{payment.pk}")


class ByTransfer(Payer):
    """Some days after it is due, mostly; what was warned of then happens."""

    def __init__(self, company: Company, diary: Diary) -> None:
        super().__init__(company, diary)
        self._days = cycle(_DAYS_UNTIL_TRANSFER)

    def after(self, invoice: Invoice, number: int, now: datetime) -> None:
        paid_at = now + next(self._days) * _DAY
        for step, after_due in LEVELS.items():
            at = (invoice.due_at or now) + after_due
            if at < paid_at:
                self.diary.write(at, partial(self._dun, invoice, step))
        self.diary.write(paid_at, partial(self._transfer, invoice))
        if number == _GIVEN_BACK_MONTH:
            self.diary.write(paid_at + 2 * _DAY, partial(_give_back, invoice))

    def _dun(self, invoice: Invoice, step: Step, now: datetime) -> None:
        _note_step(invoice, step, now)
        tenant_id = self.company.tenant.pk
        set_restriction(tenant_id=tenant_id, restriction=called_for(tenant_id, now))

    def _transfer(self, invoice: Invoice, now: datetime) -> None:
        record_bank_transfer(
            tenant=self.company.tenant,
            amount_cents=due_cents(Invoice.objects.get(pk=invoice.pk)),
            invoice=invoice,
            note=str(invoice.number),
            idempotency_key=f"demo-{invoice.number}",
            now=now,
        )


def _keep_card(company: Company, now: datetime) -> None:
    PaymentMethod.objects.create(
        tenant=company.tenant,
        provider_id=f"pm_{company.character.slug}",
        brand="visa",
        last4="4242",
        expires_month=8,
        expires_year=now.year + 3,
        is_default=True,
        created_at=now,
    )


def _card_payment(
    company: Company, cents: int, invoice: Invoice | None, now: datetime
) -> Payment:
    """Written here and not by `start_payment`, which would have Stripe asked."""
    return Payment.objects.create(
        tenant=company.tenant,
        currency=company.tenant.currency,
        invoice=invoice,
        kind=PaymentKind.CARD,
        method=company.tenant.payment_methods.get(),
        amount_cents=cents,
        idempotency_key=f"demo-{now.timestamp():.0f}-{cents}",
        created_at=now,
    )


def _note_step(invoice: Invoice, step: Step, now: datetime) -> None:
    """What `dun_invoices` writes, which looks at all tenants and sends mails."""
    DunningStep.objects.create(
        tenant_id=invoice.tenant_id, invoice=invoice, step=step.value, taken_at=now
    )


def _credit(invoice: Invoice, now: datetime) -> None:
    credit_invoice(
        invoice.pk,
        reason="Slow answers on two days",
        target=CreditNoteTarget.CREDIT,
        idempotency_key="demo-slow",
        now=now,
        cents=2_500,
    )


def _give_back(invoice: Invoice, now: datetime) -> None:
    credit_invoice(
        invoice.pk,
        reason="Calls of a test that was ours",
        target=CreditNoteTarget.PAYMENT,
        idempotency_key="demo-test",
        now=now,
        cents=1_800,
    )
