"""Write a change of prices into the log of whom it is about."""

from django.db import models

from billing.models.price_books import PriceBook
from tenants.services.note_act import note_act
from tenants.services.note_staff_act import note_staff_act


def note_price_act(
    action: str, *, book: PriceBook, about: models.Model, words: str
) -> None:
    """Of a book for one tenant into the tenant's audit log; of any other into that of
    staff. In the transaction of the act.
    """
    if book.tenant_id is None:
        note_staff_act(action, about=about, words=words)
    else:
        note_act(action, tenant_id=book.tenant_id, about=about, words=words)
