"""Keep a view of the usage page under a name."""

from django.utils.translation import gettext

from tenants.domain.names import NAME_CHARACTERS_MAX, clean_name
from tenants.errors import InvalidNameError, TooManySavedViewsError
from tenants.models import Tenant, User
from tenants.saved_view_models import SavedView

SAVED_VIEWS_MAX = 50
"""Of one user in one tenant. Two that are saved at once may pass it by one, which harms
nobody."""


def save_view(*, tenant: Tenant, user: User, name: str, query: str) -> SavedView:
    """The same name again replaces what it stood for. Raises InvalidNameError and
    TooManySavedViewsError.
    """
    cleaned = checked_view_name(name)
    mine = SavedView.objects.filter(tenant=tenant, user=user)
    if mine.exclude(name=cleaned).count() >= SAVED_VIEWS_MAX:
        raise TooManySavedViewsError(
            gettext("%(SAVED_VIEWS_MAX)s views are kept at most: delete one first.")
            % {"SAVED_VIEWS_MAX": SAVED_VIEWS_MAX}
        )
    view, _ = mine.update_or_create(
        name=cleaned,
        defaults={"query": query},
        create_defaults={
            "tenant": tenant,
            "user": user,
            "query": query,
        },
    )
    return view


def checked_view_name(name: str) -> str:
    """Raises InvalidNameError."""
    cleaned = clean_name(name)
    if cleaned is None:
        raise InvalidNameError(
            gettext("A name has 1 to %(NAME_CHARACTERS_MAX)s printable characters.")
            % {"NAME_CHARACTERS_MAX": NAME_CHARACTERS_MAX}
        )
    return cleaned
