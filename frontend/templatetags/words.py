"""Words of the code that pages show; named here, so that catalogues have them."""

from django import template
from django.utils.translation import gettext, gettext_noop

register = template.Library()

WORDS = (
    gettext_noop("minute"),
    gettext_noop("hour"),
    gettext_noop("day"),
    gettext_noop("month"),
    gettext_noop("guaranteed"),
    gettext_noop("elastic"),
    gettext_noop("card"),
    gettext_noop("today"),
    gettext_noop("each"),
    gettext_noop("model"),
    gettext_noop("key"),
    gettext_noop("project"),
    gettext_noop("member"),
    gettext_noop("endpoint"),
)


@register.filter
def word(value: object) -> str:
    """In the language of the page; a role or a reason too."""
    return gettext(str(value)) if value else ""
