"""In which language a user is spoken to from now on, by pages and mails."""

from django.conf import settings

from tenants.models import User


def choose_language(user: User, code: str) -> bool:
    """False: it is not spoken here."""
    if code not in dict(settings.LANGUAGES):
        return False
    User.objects.filter(pk=user.pk).update(language=code)
    return True
