"""How an owner lets a project's conversations be leased."""

from django import forms

from frontend.lazy import lazy as _
from tenants.domain.limits import KV_TIMEOUT_SECONDS_MAX
from tenants.wire import KvTier, OnFull, Retention

TIERS = {
    KvTier.AUTO: _("Automatic: GPU memory, then host memory"),
    KvTier.HBM: _("GPU memory"),
    KvTier.HOST: _("Host memory"),
}
_ON_FULL = {
    OnFull.DEGRADE: _("The turn runs without a lease"),
    OnFull.FAIL: _("The turn is refused"),
}


class RetentionForm(forms.Form):
    timeout_seconds = forms.IntegerField(
        label=_("Lease after each turn, seconds"),
        required=False,
        min_value=1,
        max_value=KV_TIMEOUT_SECONDS_MAX,
        help_text=_(
            "For calls that say nothing of it; each such turn buys a lease. "
            "Empty: only calls that ask for one."
        ),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    tier = forms.ChoiceField(
        label=_("Where"), choices=[(tier.value, title) for tier, title in TIERS.items()]
    )
    on_full = forms.ChoiceField(
        label=_("Without room"),
        choices=[(one.value, title) for one, title in _ON_FULL.items()],
    )
    honours_cache_hints = forms.BooleanField(
        label=_("Cache hints of other APIs buy leases too"),
        required=False,
        help_text=_(
            "Such as <code>cache_control</code> of Anthropic's. Else they are "
            "left out, and cost nothing."
        ),
    )

    @property
    def retention(self) -> Retention:
        given = self.cleaned_data
        return Retention(
            timeout_seconds=given["timeout_seconds"],
            tier=KvTier(given["tier"]),
            on_full=OnFull(given["on_full"]),
            honours_cache_hints=given["honours_cache_hints"],
        )


def initial_of(retention: Retention) -> dict[str, object]:
    return {
        "timeout_seconds": retention.timeout_seconds,
        "tier": retention.tier.value,
        "on_full": retention.on_full.value,
        "honours_cache_hints": retention.honours_cache_hints,
    }
