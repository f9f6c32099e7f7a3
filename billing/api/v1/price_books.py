"""`/api/v1/price_books`: sets of prices side by side, as staff open them."""

from datetime import datetime

import msgspec
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.texts import Code, Currency, Name
from billing.api.v1.view import ApiView, repeatable
from billing.errors import UnknownPriceBookError, UnknownTenantError
from billing.models.price_books import PriceBook
from billing.services.prices.open_price_book import open_price_book
from tenants.models import Tenant


class PriceBookDocument(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    tenant: str | None
    """Slug of the one whose only it is; null: for anybody whose plan names it."""
    is_list: bool
    """Whether it holds where no other does."""
    currency: str
    created_at: datetime


class PriceBookBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: Name
    tenant: Code | None = None
    """Slug of the one whose only it is to be; null: for plans."""
    currency: Currency | None = None
    """Null: the tenant's, or the default."""


class PriceBooks(ApiView):
    @documented(
        name="list_price_books",
        summary="List price books, the newest first (staff)",
        tag="prices",
        query=PageQuery,
        answer=Page[PriceBookDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        self.refuse_unless_staff()
        rows = PriceBook.objects.select_related("tenant")
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))

    @documented(
        name="open_price_book",
        summary="Open a price book beside the list (staff)",
        tag="prices",
        body=PriceBookBody,
        answer=PriceBookDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless_superuser()
        body = self.read_body(PriceBookBody)
        tenant = None if body.tenant is None else _find_tenant(body.tenant)
        book = open_price_book(
            name=body.name,
            tenant=tenant,
            currency=body.currency,
            now=timezone.now(),
        )
        return Response(_describe(book), status=201)


def find_book(name: str) -> PriceBook:
    """For staff, since it tells which there are. Raises UnknownPriceBookError."""
    if book := PriceBook.objects.filter(name=name).first():
        return book
    raise UnknownPriceBookError(f"There is no price book {name!r}.")


def _find_tenant(slug: str) -> Tenant:
    if tenant := Tenant.objects.filter(slug=slug).first():
        return tenant
    raise UnknownTenantError(f"There is no tenant {slug!r}.")


def _describe(book: PriceBook) -> PriceBookDocument:
    return PriceBookDocument(
        name=book.name,
        tenant=book.tenant.slug if book.tenant else None,
        is_list=book.is_list,
        currency=book.currency,
        created_at=book.created_at,
    )
