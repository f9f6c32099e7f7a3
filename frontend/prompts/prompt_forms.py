"""What people may ask of cached prompts."""

from datetime import datetime
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from frontend.keys.offered_keys import find_key, offered_keys
from frontend.lazy import lazy as _
from frontend.leases.retention_form import TIERS
from inference.cached_prompt_models import ENGINES_MAX
from inference.domain.lease_terms import LeaseClass, Tier
from inference.domain.prompt_asked import AskedPrompt, name_fault
from inference.domain.prompt_content import (
    CONTENT_BYTES_MAX,
    NULL,
    ContentError,
    PromptContent,
    read_content,
)
from inference.models import ServedModel
from inference.wire import Task
from tenants.models import ApiKey, Tenant

HOUR = 3_600
TTLS = {
    600: "10 minutes",
    HOUR: "1 hour",
    6 * HOUR: "6 hours",
    24 * HOUR: "1 day",
    7 * 24 * HOUR: "7 days",
    30 * 24 * HOUR: "30 days",
}
_CLASSES = {
    LeaseClass.GUARANTEED: _("Guaranteed: no other traffic takes it away"),
    LeaseClass.ELASTIC: _("Elastic: may give way, and the clock stops then"),
}
_TEXT = {"rows": 8, "spellcheck": "false"}


class _GivenJson(msgspec.Struct, forbid_unknown_fields=True):
    messages: msgspec.Raw
    tools: msgspec.Raw = NULL


class CachedPromptForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_(
            "By which calls use it. Letters, digits, <code>.</code>, "
            "<code>_</code> and <code>-</code>; once in a project."
        ),
        widget=forms.TextInput(
            attrs={"placeholder": "contract-rules", "autocomplete": "off"}
        ),
    )
    api_key = forms.ChoiceField(
        label=_("In the name of"),
        help_text=_("It is bought as a call of this key, for its project."),
    )
    model = forms.ChoiceField(label=_("Model"))
    instructions = forms.CharField(
        label=_("Instructions"),
        required=False,
        max_length=CONTENT_BYTES_MAX,
        strip=False,
        help_text=_(
            "One system message. They never change: other instructions are "
            "another cached prompt."
        ),
        widget=forms.Textarea(attrs=_TEXT),
    )
    content_json = forms.CharField(
        label=_("Or messages and tools, as JSON"),
        required=False,
        max_length=CONTENT_BYTES_MAX,
        help_text=_('Such as <code>{"messages": […], "tools": […]}</code>.'),
        widget=forms.Textarea(attrs={**_TEXT, "rows": 4, "class": "mono"}),
    )
    ttl_seconds = forms.TypedChoiceField(
        label=_("For"), coerce=int, choices=list(TTLS.items()), initial=HOUR
    )
    tier = forms.ChoiceField(
        label=_("Where"),
        choices=[
            *((tier.value, title) for tier, title in TIERS.items()),
            (Tier.DISK.value, _("Disk")),
        ],
    )
    lease_class = forms.ChoiceField(
        label=_("Class"),
        choices=[(one.value, title) for one, title in _CLASSES.items()],
    )
    engines = forms.IntegerField(
        label=_("On how many engines"),
        min_value=1,
        max_value=ENGINES_MAX,
        initial=1,
        help_text=_("Each one holds it, and is paid for."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    auto_renew = forms.BooleanField(
        label=_("It renews itself when its time is up"),
        required=False,
        help_text=_(
            "For the same time again, until you switch that off or your credit ends."
        ),
    )
    quoted = forms.CharField(required=False)
    """What the price was shown for: anything else is priced anew before."""

    def __init__(
        self, tenant: Tenant, *args: Any, now: datetime, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        keys = _active_keys(tenant, now)
        chosen = find_key(keys, self.data.get("api_key", ""))
        self._keys = {key.pk: key for key in offered_keys(keys, chosen)}
        self.fields["api_key"].choices = [  # type: ignore[attr-defined]
            (str(pk), _title(key)) for pk, key in self._keys.items()
        ]
        models = ServedModel.objects.filter(engines__isnull=False).distinct()
        generating = models.filter(task=Task.GENERATE).order_by("-is_default", "name")
        self.fields["model"].choices = [  # type: ignore[attr-defined]
            (model.name, f"{model.title} ({model.name})") for model in generating
        ]

    @property
    def has_keys(self) -> bool:
        return bool(self._keys)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if fault := name_fault(name):
            raise ValidationError(f"{fault[0].upper()}{fault[1:]}.")
        return name

    def clean_api_key(self) -> ApiKey:
        return self._keys[int(self.cleaned_data["api_key"])]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        instructions = given.get("instructions", "").strip()
        as_json = given.get("content_json", "").strip()
        if bool(instructions) == bool(as_json):
            told = (
                gettext("Either these or the JSON.")
                if instructions
                else gettext("Write them here.")
            )
            self.add_error("instructions", told)
            return given
        name = "content_json" if as_json else "instructions"
        try:
            given["content"] = _content(instructions, as_json)
        except (ContentError, msgspec.MsgspecError) as error:
            self.add_error(name, str(error))
        return given

    @property
    def asked(self) -> AskedPrompt:
        given = self.cleaned_data
        return AskedPrompt(
            name=given["name"],
            model=given["model"],
            content=given["content"],
            ttl_seconds=given["ttl_seconds"],
            tier=Tier(given["tier"]),
            lease_class=LeaseClass(given["lease_class"]),
            auto_renew=given["auto_renew"],
            engine_count=given["engines"],
        )


def _content(instructions: str, as_json: str) -> PromptContent:
    """Raises ContentError and msgspec.MsgspecError."""
    if as_json:
        given = msgspec.json.decode(as_json, type=_GivenJson)
        return read_content(given.messages, given.tools)
    message = {"role": "system", "content": instructions}
    return read_content(msgspec.Raw(msgspec.json.encode([message])), NULL)


def _active_keys(tenant: Tenant, now: datetime) -> QuerySet[ApiKey]:
    """Not the playground's: they live for minutes."""
    keys = ApiKey.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now),
        tenant=tenant,
        revoked_at=None,
        is_of_playground=False,
    )
    return keys.select_related("project", "tenant")


def _title(key: ApiKey) -> str:
    return gettext("%(name)s (%(prefix)s…), project %(name2)s") % {
        "name": key.name,
        "prefix": key.prefix,
        "name2": key.project.name,
    }


class ExtendPromptForm(forms.Form):
    """For so long from now on; what would end sooner than it does is no choice."""

    ttl_seconds = forms.TypedChoiceField(
        label=_("Keep it for"),
        coerce=int,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )

    def __init__(self, choices: list[tuple[int, str]], *args: Any) -> None:
        super().__init__(*args)
        self.fields["ttl_seconds"].choices = choices  # type: ignore[attr-defined]
        if choices:
            self.fields["ttl_seconds"].initial = choices[0][0]
