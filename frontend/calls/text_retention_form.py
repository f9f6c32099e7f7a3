"""For how long the texts of a project's calls are kept."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from tenants.domain.limits import TEXT_RETENTION_DAYS_MAX

_DAYS = (1, 7, 30, TEXT_RETENTION_DAYS_MAX)


class TextRetentionForm(forms.Form):
    days = forms.TypedChoiceField(
        label=_("Keep what is said in calls"),
        choices=[
            ("", _("Not at all")),
            *(
                (
                    days,
                    ngettext_lazy("for %(days)d day", "for %(days)d days", days)
                    % {"days": days},
                )
                for days in _DAYS
            ),
        ],
        coerce=int,
        empty_value=None,
        required=False,
        help_text=_(
            "Requests and answers, up to 64 KiB each, for members who may build. What "
            "is older is deleted; not at all deletes what there is."
        ),
    )
