"""The price book of a plan: what another one would change, and changing it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from billing.errors import BillingError
from billing.models.plans import Plan, Subscription
from billing.services.plans.preview_plan_book import preview_plan_book
from billing.services.plans.set_plan_book import set_plan_book
from frontend.access import check_may_set, operator_page
from frontend.plans.plan_book_page import show_changes
from frontend.plans.plan_forms import PlanBookForm
from tenants.models import User

_INVALID = 422


@require_http_methods(["GET", "POST"])
@operator_page
def plan_book(request: HttpRequest, plan_id: int) -> HttpResponse:
    """With `book` in the address (empty: the list) it shows what that would change; a
    POST makes it so.
    """
    check_may_set(request)
    plan = get_object_or_404(Plan.objects.select_related("price_book"), pk=plan_id)
    typed = request.POST if request.method == "POST" else request.GET
    is_chosen = "book" in typed
    form = PlanBookForm(
        typed if is_chosen else None, plan=plan, initial={"book": plan.price_book_id}
    )
    is_valid = is_chosen and form.is_valid()
    if request.method == "POST" and is_valid and _is_set(request, plan, form):
        messages.success(
            request, gettext("%(name)s has its new prices.") % {"name": plan.name}
        )
        return redirect("frontend:operator_plan_book", plan.pk)
    context = _context(plan, form, is_chosen=is_valid)
    status = _INVALID if form.errors else 200
    return render(request, "frontend/operator/plan_book.html", context, status=status)


def _is_set(request: HttpRequest, plan: Plan, form: PlanBookForm) -> bool:
    assert isinstance(request.user, User)  # noqa: S101  operator_page let it in
    try:
        set_plan_book(
            plan.pk,
            form.cleaned_data["book"],
            changed_by=request.user,
            now=timezone.now(),
        )
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True


def _context(plan: Plan, form: PlanBookForm, *, is_chosen: bool) -> dict[str, object]:
    now = timezone.now()
    held = Subscription.objects.filter(plan=plan).held_at(now)
    history = plan.book_changes.select_related("before", "after", "changed_by")
    context: dict[str, object] = {
        "plan": plan,
        "form": form,
        "tenants": held.count(),
        "history": history.order_by("-changed_at", "-pk"),
        "is_chosen": is_chosen,
    }
    if is_chosen:
        book = form.cleaned_data.get("book")
        preview = preview_plan_book(plan, book, now=now)
        context |= {
            "book": book,
            "changes": show_changes(preview),
            "lacking": preview.lacking if book else (),
            "is_present": book == plan.price_book,
        }
    return context
