"""Views of the usage page that members keep under a name."""

from django.db import models

from tenants.domain.names import NAME_CHARACTERS_MAX
from tenants.models import Tenant, User

QUERY_CHARACTERS_MAX = 1_000


class SavedView(models.Model):
    """One user's, in one tenant: nobody else sees it."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="saved_views")
    user = models.ForeignKey(User, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=NAME_CHARACTERS_MAX)
    query = models.CharField(max_length=QUERY_CHARACTERS_MAX, blank=True)
    """Parameters of the page's address; empty: the page as it comes."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "name"], name="saved_view_once_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
