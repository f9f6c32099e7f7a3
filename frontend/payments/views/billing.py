"""Cards, paying an open invoice, and how payments went."""

from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from billing.domain.invoice import InvoiceStatus
from billing.domain.payments import CARD_CENTS_MIN
from billing.errors import BillingError, ProviderUnavailableError
from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentMethod, PaymentStatus
from billing.services.invoices.settle_invoice import due_cents
from billing.services.payments.close_payment_page import close_payment_page
from billing.services.payments.collect_invoice import default_card
from billing.services.payments.open_payment_page import open_payment_page
from billing.services.payments.start_payment import start_payment
from billing.services.payments.sync_cards import (
    choose_card,
    open_card_page,
    open_portal,
    remove_card,
    sync_cards,
)
from billing.services.payments.work_off_order import work_off_order
from billing.stripe_sync.client import is_on
from frontend.access import Access, tenant_page, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.invoices.invoice_list import with_due
from frontend.lazy import lazy as _
from frontend.plans.forecast_page import read_forecast
from frontend.tables import Rules, read_table
from tenants.domain.roles import Permission
from tenants.row_security import across_tenants

_PAYMENTS = Rules(
    sorts={"begun": "created_at", "status": "status", "amount": "amount_cents"},
    default="-begun",
    search=("invoice__number",),
)
_REFUNDS = Rules(sorts=_PAYMENTS.sorts, default="-begun", prefix="refunds_")
_TO_PAY = Q(status=InvoiceStatus.ISSUED, due_cents__gt=0)
_LATER = _(
    "The payment provider does not answer right now. Nothing was lost: we keep trying,"
    " and this page shows how it ends."
)


@require_safe
@tenant_page
def billing(request: HttpRequest, access: Access) -> HttpResponse:
    """Everybody of the tenant sees it; its owners pay."""
    tenant = access.tenant
    payments = tenant.payments.select_related("invoice", "method", "chargeback")
    refunds = tenant.refunds.select_related("payment__method", "credit_note")
    now = timezone.now()
    invoices = with_due(tenant.invoices.all(), now=now).filter(_TO_PAY)
    context = {
        "has_cards": is_on(),
        "cards": _cards_of(access).order_by("-is_default", "pk"),
        "invoices": invoices.order_by("due_at", "pk"),
        "card_cents_min": CARD_CENTS_MIN,
        "payments": read_table(request.GET, payments, _PAYMENTS),
        "refunds": read_table(request.GET, refunds, _REFUNDS),
        "restriction": tenant.restriction,
        "form_id": uuid4(),
        "forecast": read_forecast(tenant, now=now),
    }
    return render(request, "frontend/payments/billing.html", context)


def _cards_of(access: Access) -> QuerySet[PaymentMethod]:
    return PaymentMethod.objects.filter(tenant=access.tenant, removed_at=None)


def _url(name: str, *arguments: object) -> str:
    return settings.PORTAL_URL + reverse(f"frontend:{name}", args=arguments)


@require_POST
@tenant_page_for(Permission.PAY)
def add_card(request: HttpRequest, access: Access) -> HttpResponse:
    try:
        url = open_card_page(
            access.tenant, done_url=_url("card_added"), back_url=_url("billing")
        )
    except BillingError:
        messages.error(request, _LATER)
        return redirect("frontend:billing")
    return redirect(url)


@require_POST
@tenant_page_for(Permission.PAY)
def portal(request: HttpRequest, access: Access) -> HttpResponse:
    """Stripe's own pages about cards and receipts."""
    try:
        url = open_portal(access.tenant, back_url=_url("card_added"))
    except BillingError:
        messages.error(request, _LATER)
        return redirect("frontend:billing")
    return redirect(url)


@require_safe
@tenant_page
def card_added(request: HttpRequest, access: Access) -> HttpResponse:
    """Where Stripe's page leads back to; its webhook may come later."""
    try:
        with across_tenants():  # it writes, though it is a link that leads here
            sync_cards(access.tenant.pk, now=timezone.now())
    except BillingError:
        messages.error(request, _LATER)
    else:
        messages.success(request, gettext("Your cards are up to date."))
    return redirect("frontend:billing")


@require_POST
@tenant_page_for(Permission.PAY)
def change_card(request: HttpRequest, access: Access, card_id: int) -> HttpResponse:
    """`act` is `choose` or `remove`, which asks for the end of the card's number."""
    card = get_object_or_404(_cards_of(access), pk=card_id)
    if request.POST.get("act") == "remove" and (asked := _ask_for_end(request, card)):
        return asked
    act = remove_card if request.POST.get("act") == "remove" else choose_card
    try:
        act(card, now=timezone.now())
    except BillingError:
        messages.error(request, _LATER)
    else:
        messages.success(request, gettext("Your cards are up to date."))
    return redirect("frontend:billing")


def _ask_for_end(request: HttpRequest, card: PaymentMethod) -> HttpResponse | None:
    """None: it was typed."""
    given = posted(request) if "name" in request.POST else ()
    form = TypedNameForm(card.last4, *given, label=gettext("Type the last four digits"))
    if form.is_valid():
        return None
    context = {
        "form": form,
        "act": "remove",
        "title": gettext("Remove the card?"),
        "explanation": gettext(
            "%s is not charged any more. Without a card, invoices are paid by hand."
        )
        % str(card).capitalize(),
        "button": gettext("Remove the card"),
        "back_url": reverse("frontend:billing"),
    }
    return render_form(request, "frontend/typed_confirm.html", context)


@require_POST
@tenant_page_for(Permission.PAY)
def pay(request: HttpRequest, access: Access, invoice_id: int) -> HttpResponse:
    """`with` is `card`, the one that is kept, or `page`, Stripe's own."""
    rows = Invoice.objects.filter(tenant=access.tenant)
    invoice = get_object_or_404(rows, pk=invoice_id)
    try:
        form_id = UUID(request.POST.get("form_id", ""))
    except ValueError:
        messages.error(request, gettext("Please press the button once more."))
        return redirect("frontend:billing")
    is_kept = request.POST.get("with") == "card"
    card = default_card(access.tenant.pk) if is_kept else None
    try:
        _give_up_pages(invoice)
        payment = start_payment(
            tenant=access.tenant,
            amount_cents=due_cents(invoice),
            invoice=invoice,
            method=card,
            idempotency_key=f"portal-{invoice.pk}-{form_id}",
            now=timezone.now(),
        )
        if card is None:
            return redirect(_page_of(payment))
        work_off_order(payment.stripe_order.pk, now=timezone.now())
    except ProviderUnavailableError:
        messages.error(request, _LATER)
    except BillingError as error:
        messages.error(request, str(error))
    else:
        _tell(request, payment)
    return redirect("frontend:billing")


def _give_up_pages(invoice: Invoice) -> None:
    """A page that was left may still be open, and both could be paid."""
    left = invoice.payments.filter(status=PaymentStatus.REQUIRES_ACTION)
    for payment in left:
        close_payment_page(payment.pk, now=timezone.now())


def _page_of(payment: Payment) -> str:
    return open_payment_page(
        payment.pk,
        done_url=_url("paid", payment.pk),
        back_url=_url("billing"),
        now=timezone.now(),
    )


@require_safe
@tenant_page
def paid(request: HttpRequest, access: Access, payment_id: int) -> HttpResponse:
    """Where Stripe's page leads back to; its webhook may come later."""
    rows = access.tenant.payments.exclude(stripe_order=None)
    payment = get_object_or_404(rows, pk=payment_id)
    now = timezone.now()
    orders = payment.tenant.stripe_orders.open().filter(payment=payment)
    with across_tenants():  # it writes, though it is a link that leads here
        orders.update(try_after=now)
        work_off_order(payment.stripe_order.pk, now=now)
    _tell(request, payment)
    return redirect("frontend:billing")


def _tell(request: HttpRequest, payment: Payment) -> None:
    payment.refresh_from_db()
    if payment.status == PaymentStatus.SUCCEEDED:
        messages.success(request, gettext("Paid. Thank you."))
    elif payment.status == PaymentStatus.FAILED:
        messages.error(request, payment.failure_text)
    else:
        messages.info(
            request, gettext("The payment is under way; this page shows how it ends.")
        )
