"""What operators do with invoices: each act shows first what it comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from billing.domain.invoice import InvoiceStatus
from billing.domain.money import amount_of_cents, exact_amount
from billing.errors import BillingError
from billing.models.credit_notes import CreditNoteTarget
from billing.models.invoices import Invoice
from billing.models.issue_blocks import IssueBlock
from billing.services.credit.credit_of import credit_of
from billing.services.credit_notes.credit_invoice import credit_invoice, plan_credit
from billing.services.credit_notes.read_creditable import read_creditable
from billing.services.credit_notes.work_out_note import work_out_note
from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.read_billed import BILLING
from billing.services.invoices.settle_invoice import due_cents
from billing.services.invoices.void_invoice import refuse_voiding, void_invoice
from billing.services.invoices.write_off_invoice import write_off_invoice
from frontend.access import operator_page
from frontend.currency import write_amounts_in
from frontend.operator.invoice_forms import CreditForm, IssueForm, ReasonForm
from frontend.tables import Rules, read_table

_BLOCKS = Rules(
    sorts={"tenant": Lower("tenant__name"), "since": "since"},
    default="since",
    search=("tenant__name", "reason"),
)
_INVALID = 422


@dataclass(frozen=True, kw_only=True)
class Act:
    """What may be done with an invoice now."""

    name: str
    """Of its address."""
    title: str


def acts_of(invoice: Invoice) -> list[Act]:
    acts = []
    if invoice.status == InvoiceStatus.DRAFT:
        acts.append(Act(name="operator_issue_invoice", title=gettext("Issue now")))
    if invoice.status in BILLING:
        acts.append(Act(name="operator_credit_invoice", title=gettext("Credit")))
    if _is_voidable(invoice):
        acts.append(Act(name="operator_void_invoice", title=gettext("Void")))
    if invoice.status in {InvoiceStatus.ISSUED, InvoiceStatus.UNCOLLECTIBLE}:
        title = gettext("Record a transfer")
        acts.append(Act(name="operator_record_transfer", title=title))
    if invoice.status == InvoiceStatus.ISSUED:
        acts.append(Act(name="operator_write_off_invoice", title=gettext("Write off")))
    return acts


def _is_voidable(invoice: Invoice) -> bool:
    try:
        refuse_voiding(invoice)
    except BillingError:
        return False
    return True


@require_safe
@operator_page
def blocked(request: HttpRequest) -> HttpResponse:
    rows = IssueBlock.objects.select_related(
        "tenant", "invoice", "credit_note__invoice"
    )
    context = {"table": read_table(request.GET, rows, _BLOCKS)}
    return render(request, "frontend/operator/blocked.html", context)


@require_http_methods(["GET", "POST"])
@operator_page
def issue(request: HttpRequest, invoice_id: int) -> HttpResponse:
    invoice = _found(invoice_id)
    form = IssueForm(request.POST or None)

    def act(now: datetime) -> Invoice:
        until = form.cleaned_data["until"]
        return issue_invoice(invoice.pk, until=until, now=now)

    if response := _done(request, invoice, form, act, gettext("is issued")):
        return response
    context = {
        "title": gettext("Issue the draft now"),
        "button": gettext("Issue it"),
        "button_kind": "primary",
        "facts": _issued_facts(invoice),
        "explanation": gettext(
            "Its lines and amounts become final, it gets its number, and the"
            " tenant gets it by mail. The rest of a month that still runs goes to a new"
            " draft."
        ),
    }
    return _confirm(request, invoice, form, context)


def _issued_facts(invoice: Invoice) -> list[tuple[str, str]]:
    if invoice.status != InvoiceStatus.DRAFT:
        return []
    document = describe_invoice(invoice)
    credit_cents = credit_of(invoice.tenant) // 10_000_000
    drawn = max(0, min(credit_cents, document.total_cents))
    return [
        (gettext("Lines so far"), amount_of_cents(invoice.lines_cents)),
        (gettext("Tax"), amount_of_cents(document.tax_cents)),
        (gettext("To be owed"), amount_of_cents(document.total_cents)),
        (gettext("Paid by credit, at most"), amount_of_cents(drawn)),
    ]


@require_http_methods(["GET", "POST"])
@operator_page
def void(request: HttpRequest, invoice_id: int) -> HttpResponse:
    invoice = _found(invoice_id)
    form = ReasonForm(request.POST or None)

    def act(now: datetime) -> Invoice:
        return void_invoice(invoice.pk, reason=form.cleaned_data["reason"], now=now)

    if response := _done(request, invoice, form, act, gettext("is void")):
        return response
    context = {
        "title": gettext("Void %(invoice)s") % {"invoice": invoice},
        "button": gettext("Void it"),
        "facts": [
            (gettext("No longer owed"), amount_of_cents(invoice.total_cents)),
            (gettext("Of that, tax"), amount_of_cents(invoice.tax_cents)),
            (
                gettext("Credit that returns"),
                amount_of_cents(invoice.credit_applied_cents),
            ),
            (gettext("Billed anew on a draft"), exact_amount(invoice.total_nanos)),
        ],
        "explanation": gettext(
            "For an invoice that was issued by mistake. It keeps its number;"
            " what it billed is on the month's draft again, at once."
        ),
    }
    return _confirm(request, invoice, form, context)


@require_http_methods(["GET", "POST"])
@operator_page
def write_off(request: HttpRequest, invoice_id: int) -> HttpResponse:
    invoice = _found(invoice_id)
    form = ReasonForm(request.POST or None)

    def act(now: datetime) -> Invoice:
        return write_off_invoice(
            invoice.pk, reason=form.cleaned_data["reason"], now=now
        )

    if response := _done(request, invoice, form, act, gettext("is written off")):
        return response
    context = {
        "title": gettext("Write off %(invoice)s") % {"invoice": invoice},
        "button": gettext("Write it off"),
        "facts": [(gettext("Given up"), amount_of_cents(due_cents(invoice)))],
        "explanation": gettext(
            "It stays owed, and nobody is reminded of it any more. A late"
            " payment still makes it paid."
        ),
    }
    return _confirm(request, invoice, form, context)


@require_http_methods(["GET", "POST"])
@operator_page
def credit(request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Shows what the note would come to, and issues it where the button says so."""
    invoice = _found(invoice_id)
    form = CreditForm(request.POST or None, lines=_creditable_lines(invoice))
    facts: list[tuple[str, str]] = []
    if form.is_valid():
        try:
            if "confirm" in request.POST:
                return _credited(request, invoice, form)
            facts = _note_facts(invoice, form)
        except BillingError as error:
            form.add_error(None, str(error))
    context = {
        "invoice": invoice,
        "currency": invoice.currency,
        "form": form,
        "facts": facts,
    }
    status = _INVALID if form.errors else 200
    return render(request, "frontend/operator/credit.html", context, status=status)


def _creditable_lines(invoice: Invoice) -> list[tuple[str, str]]:
    left = {
        line.line_id: line.amount_cents
        for line in read_creditable(invoice.lines.order_by("pk"), with_drafts=True)
    }
    return [
        (
            str(line.pk),
            " ".join(
                filter(
                    None,
                    [
                        line.model,
                        line.meter or line.description,
                        gettext("(%(pk)s left)")
                        % {"pk": amount_of_cents(left[line.pk])},
                    ],
                )
            ),
        )
        for line in invoice.lines.in_order()
        if left[line.pk]
    ]


def _cents(invoice: Invoice, form: CreditForm) -> int | Mapping[int, int] | None:
    line, amount = form.cleaned_data["line"], form.cleaned_data["amount"]
    if not line:
        return amount if amount is None else int(amount)
    if amount is None:
        rows = read_creditable(invoice.lines.filter(pk=line), with_drafts=True)
        amount = sum(row.amount_cents for row in rows)
    return {int(line): amount}


def _note_facts(invoice: Invoice, form: CreditForm) -> list[tuple[str, str]]:
    parts = plan_credit(invoice, _cents(invoice, form))
    sums = work_out_note(
        invoice,
        lines_cents=sum(part.amount_cents for part in parts),
        target=CreditNoteTarget(form.cleaned_data["target"]),
    )
    facts = [
        (gettext("Taken off the lines"), sums.lines),
        (gettext("Tax on it"), sums.tax),
        (gettext("The invoice is lowered by"), sums.total),
        (gettext("Less is due"), sums.split.applied),
        (gettext("Becomes credit"), sums.split.credited),
        (gettext("Is paid back"), sums.split.refunded),
    ]
    return [(name, amount_of_cents(cents)) for name, cents in facts]


def _credited(request: HttpRequest, invoice: Invoice, form: CreditForm) -> HttpResponse:
    note = credit_invoice(
        invoice.pk,
        reason=form.cleaned_data["reason"],
        target=CreditNoteTarget(form.cleaned_data["target"]),
        idempotency_key=form.cleaned_data["key"],
        cents=_cents(invoice, form),
        now=timezone.now(),
    )
    messages.success(
        request,
        gettext("Credit note %(number)s over %(total_cents)s %(currency)s is issued.")
        % {
            "number": note.number,
            "total_cents": amount_of_cents(note.total_cents),
            "currency": note.currency,
        },
    )
    return redirect("frontend:operator_invoice", invoice.pk)


def _found(invoice_id: int) -> Invoice:
    """Amounts are written in its currency from here on."""
    invoice = get_object_or_404(Invoice.objects.select_related("tenant"), pk=invoice_id)
    write_amounts_in(invoice.currency)
    return invoice


def _done(
    request: HttpRequest,
    invoice: Invoice,
    form: IssueForm | ReasonForm,
    act: Callable[[datetime], Invoice],
    became: str,
) -> HttpResponse | None:
    """To the invoice, once the act is done; None: it is not, and the form says why."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        after = act(timezone.now())
    except BillingError as error:
        form.add_error(None, str(error))
        return None
    messages.success(request, f"{after} {became}.")
    return redirect("frontend:operator_invoice", invoice.pk)


def _confirm(
    request: HttpRequest,
    invoice: Invoice,
    form: IssueForm | ReasonForm,
    context: Mapping[str, object],
) -> HttpResponse:
    shown = {
        "invoice": invoice,
        "currency": invoice.currency,
        "form": form,
        **context,
    }
    status = _INVALID if form.errors else 200
    return render(request, "frontend/operator/confirm.html", shown, status=status)
