"""The operator's prices: all books, a new price with its arithmetic, a tenant's own."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from billing.domain.price_list import rates_of
from billing.domain.price_models import ExplainedStep, MeterPricing, explain
from billing.errors import BillingError
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.prices.end_price import end_price
from billing.services.prices.open_price_book import open_list, open_price_book
from billing.services.prices.read_price_list import read_price_list
from billing.services.prices.set_price import set_price
from frontend.access import check_may_set, operator_page
from frontend.currency import amounts_in, write_amounts_in
from frontend.parts import wants_part
from frontend.prices.price_forms import BookForm, EndPriceForm, SetPriceForm, texts_of
from frontend.prices.price_list import TITLES, show_meters, show_prices, unit_of
from tenants.models import Tenant

_INVALID = 422


@dataclass(frozen=True, kw_only=True)
class PreviewedMeter:
    title: str
    unit: str
    rows: list[ExplainedStep]
    amount_nanos: int


def _not_over(now: datetime) -> QuerySet[PriceVersion]:
    rows = PriceVersion.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=now)
    )
    return rows.select_related("served_model", "price_book__tenant").order_by(
        "served_model__name", "effective_from"
    )


@require_safe
@operator_page
def prices(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    versions = list(_not_over(now))
    for version in versions:
        with amounts_in(version.price_book.currency):
            version.meters = show_meters(version)  # type: ignore[attr-defined]
        version.is_later = version.effective_from > now  # type: ignore[attr-defined]
    books = list(
        PriceBook.objects.select_related("tenant").order_by("-is_list", "name")
    )
    for book in books:
        book.versions = [one for one in versions if one.price_book_id == book.pk]  # type: ignore[attr-defined]
    context = {"books": books, "form": BookForm()}
    return render(request, "frontend/operator/prices.html", context)


@require_http_methods(["GET", "POST"])
@operator_page
def set_a_price(request: HttpRequest) -> HttpResponse:
    """Shows what it would cost, and sets it where the button says so."""
    check_may_set(request)
    if request.method != "POST":
        form = SetPriceForm(initial=_initial(request, timezone.now()))
        return render(request, "frontend/operator/set_price.html", {"form": form})
    form = SetPriceForm(request.POST)
    is_valid = form.is_valid()
    if is_valid:
        write_amounts_in(form.cleaned_data["price_book"].currency)
    if wants_part(request):
        context = {"form": form, "preview": _preview(form) if is_valid else None}
        return render(request, "frontend/prices/price_preview.html", context)
    if is_valid and "set" in request.POST and _set(form):
        book = form.cleaned_data["price_book"]
        messages.success(
            request, gettext("The price is set in %(book)s.") % {"book": book}
        )
        return redirect("frontend:operator_prices")
    context = {"form": form, "preview": _preview(form) if is_valid else None}
    status = _INVALID if form.errors else 200
    return render(request, "frontend/operator/set_price.html", context, status=status)


def _initial(request: HttpRequest, now: datetime) -> dict[str, str]:
    """The price that is set last for what the address names: in its book, or else in
    the list.
    """
    book, model = request.GET.get("book", ""), request.GET.get("model", "")
    named = {"price_book": book, "served_model": model}
    if not (book.isdecimal() and model.isdecimal()):
        return named
    rows = _not_over(now).filter(
        Q(price_book_id=int(book)) | Q(price_book__is_list=True),
        served_model_id=int(model),
    )
    own_first = rows.order_by("price_book__is_list", "-effective_from")
    return {**named, **texts_of(own_first.first())}


def _set(form: SetPriceForm) -> bool:
    values, now = form.cleaned_data, timezone.now()
    try:
        set_price(
            served_model=values["served_model"],
            price_book=values["price_book"],
            rates=rates_of(form.pricings),
            pricings=form.pricings,
            effective_from=values["effective_from"] or now,
            now=now,
        )
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True


def _preview(form: SetPriceForm) -> list[PreviewedMeter]:
    quantity = form.cleaned_data["quantity"]
    return [
        _previewed(meter, pricing, quantity) for meter, pricing in form.pricings.items()
    ]


def _previewed(meter: str, pricing: MeterPricing, quantity: int) -> PreviewedMeter:
    rows = explain(pricing, quantity)
    return PreviewedMeter(
        title=TITLES[meter],
        unit=unit_of(meter),
        rows=rows,
        amount_nanos=sum(row.amount_nanos for row in rows),
    )


@require_POST
@operator_page
def open_book(request: HttpRequest) -> HttpResponse:
    """For plans, or the list of a currency; a tenant's own is opened on its page."""
    check_may_set(request)
    form = BookForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        if values["is_list"]:
            open_list(values["currency"])
        else:
            _open(request, name=values["name"], currency=values["currency"])
    else:
        messages.error(request, " ".join(form.errors.as_text().split("\n")))
    return redirect("frontend:operator_prices")


def _open(
    request: HttpRequest,
    *,
    name: str,
    currency: str | None = None,
    tenant: Tenant | None = None,
) -> None:
    now = timezone.now()
    try:
        open_price_book(name=name, tenant=tenant, currency=currency, now=now)
    except BillingError as error:
        messages.error(request, str(error))


@require_http_methods(["GET", "POST"])
@operator_page
def tenant_prices(request: HttpRequest, tenant_id: int) -> HttpResponse:
    """What the tenant pays; a POST opens a book of its own."""
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    write_amounts_in(tenant.currency)
    if request.method == "POST":
        check_may_set(request)
        _open(
            request,
            name=f"tenant {tenant.slug}",
            tenant=tenant,
        )
        return redirect("frontend:operator_tenant_prices", tenant_id)
    context = {
        "tenant": tenant,
        "book": PriceBook.objects.filter(tenant=tenant).first(),
        "prices": show_prices(read_price_list(tenant.pk, now=timezone.now())),
    }
    return render(request, "frontend/operator/tenant_prices.html", context)


@require_http_methods(["GET", "POST"])
@operator_page
def end_a_price(request: HttpRequest, price_version_id: int) -> HttpResponse:
    check_may_set(request)
    rows = PriceVersion.objects.select_related("price_book", "served_model")
    version = get_object_or_404(rows, pk=price_version_id, price_book__is_list=False)
    write_amounts_in(version.price_book.currency)
    form = EndPriceForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _end(version, form):
        messages.success(request, gettext("The price has an end."))
        return redirect("frontend:operator_prices")
    context = {"form": form, "version": version, "meters": show_meters(version)}
    status = _INVALID if form.errors else 200
    return render(request, "frontend/operator/end_price.html", context, status=status)


def _end(version: PriceVersion, form: EndPriceForm) -> bool:
    now = timezone.now()
    wanted = form.cleaned_data["effective_to"] or now
    try:
        end_price(version, effective_to=wanted, now=now)
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True
