"""`/api/v1/budgets`: who is told when so much is spent."""

from typing import Annotated

import msgspec
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import Amount, RowId
from billing.api.v1.view import ApiView, repeatable
from billing.services.alerts.alert_budgets import spender_of
from billing.services.spend.read_spend import SpendNow, read_spend
from tenants.domain.limits import DEFAULT_THRESHOLDS_PERCENT
from tenants.domain.roles import Permission
from tenants.models import Budget
from tenants.services.remove_budget import remove_budget
from tenants.services.set_budget import set_budget
from tenants.services.subject import Subject, columns_of
from tenants.wire import Scope, SpendPeriod

_Percent = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class BudgetDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    scope: Scope
    project_id: int | None
    api_key_id: int | None
    period: SpendPeriod
    currency: str
    amount_nanos: int
    thresholds_percent: list[int]
    spent_nanos: int | None
    """In the present day or month (UTC), by the counters of the limits. Null: not known
    now."""


class BudgetBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of one project, of one key, or, with neither, of the whole tenant."""

    amount_nanos: Amount
    period: SpendPeriod = SpendPeriod.MONTH
    project_id: RowId | None = None
    api_key_id: RowId | None = None
    thresholds_percent: Annotated[
        list[_Percent], msgspec.Meta(min_length=1, max_length=5)
    ] = msgspec.field(default_factory=lambda: list(DEFAULT_THRESHOLDS_PERCENT))


class Budgets(ApiView):
    @documented(
        name="list_budgets",
        summary="List budgets with what is spent of each",
        tag="budgets",
        query=PageQuery,
        answer=Page[BudgetDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = Budget.objects.filter(tenant=self.tenant).select_related("tenant")
        spend = _spend(self, list(rows))
        return Response(
            newest_first(
                rows, self.read_query(PageQuery), lambda one: _describe(one, spend)
            )
        )

    @documented(
        name="set_budget",
        summary="Set a budget (by role, and staff); the one of the same subject and"
        " period is replaced",
        tag="budgets",
        body=BudgetBody,
        answer=BudgetDocument,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body = self.read_body(BudgetBody)
        subject = _subject(self, body)
        set_budget(
            subject=subject,
            period=body.period,
            amount_nanos=body.amount_nanos,
            thresholds_percent=body.thresholds_percent,
        )
        budget = Budget.objects.get(**columns_of(subject), period=body.period)
        return Response(_describe(budget, _spend(self, [budget])))


class OneBudget(ApiView):
    @documented(
        name="remove_budget",
        summary="Remove a budget (by role, and staff)",
        tag="budgets",
        answer=None,
        status=204,
    )
    def delete(self, request: Request, budget_id: int) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        rows = Budget.objects.select_related("tenant", "project", "api_key")
        budget = rows.filter(tenant=self.tenant, pk=budget_id).first()
        if budget is None:
            raise Http404
        remove_budget(
            subject=budget.api_key or budget.project or budget.tenant,
            period=SpendPeriod(budget.period),
        )
        return Response(status=204)


def _subject(view: ApiView, body: BudgetBody) -> Subject:
    """Raises Http404 and RefusedError."""
    if body.project_id is not None and body.api_key_id is not None:
        raise RefusedError(
            "Give either project_id or api_key_id, not both.",
            code="invalid_value",
            param="api_key_id",
        )
    found: Subject | None = view.tenant
    if body.project_id is not None:
        found = view.tenant.projects.filter(pk=body.project_id).first()
    elif body.api_key_id is not None:
        found = view.tenant.api_keys.filter(pk=body.api_key_id).first()
    if found is None:
        raise Http404
    return found


def _spend(view: ApiView, budgets: list[Budget]) -> SpendNow | None:
    spenders = {spender_of(budget) for budget in budgets}
    return read_spend(view.tenant.pk, spenders, now=timezone.now())


def _describe(budget: Budget, spend: SpendNow | None) -> BudgetDocument:
    period = SpendPeriod(budget.period)
    return BudgetDocument(
        id=budget.pk,
        scope=budget.scope,
        project_id=budget.project_id,
        api_key_id=budget.api_key_id,
        period=period,
        currency=budget.tenant.currency,
        amount_nanos=budget.amount_nanos,
        thresholds_percent=budget.thresholds_percent,
        spent_nanos=(
            None if spend is None else spend.spent[spender_of(budget), period]
        ),
    )
