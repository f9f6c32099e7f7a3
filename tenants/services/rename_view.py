"""Give a saved view another name."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from tenants.errors import NameTakenError
from tenants.models import Tenant, User
from tenants.saved_view_models import SavedView
from tenants.services.save_view import checked_view_name


def rename_view(*, view_id: int, tenant: Tenant, user: User, name: str) -> None:
    """One that is not the user's stays as it is. Raises InvalidNameError and
    NameTakenError.
    """
    cleaned = checked_view_name(name)
    mine = SavedView.objects.filter(pk=view_id, tenant=tenant, user=user)
    try:
        with transaction.atomic():
            mine.update(name=cleaned)
    except IntegrityError:
        raise NameTakenError(gettext("Another view of yours has this name.")) from None
