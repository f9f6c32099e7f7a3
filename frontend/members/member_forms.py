"""What is typed of members and invitations."""

from django import forms

from frontend.access import Access
from frontend.lazy import lazy as _
from tenants.domain.roles import Role, may_set_role

ROLE_TITLES = {
    Role.OWNER: _("Owner: everything, and who else is an owner"),
    Role.ADMIN: _("Admin: everything but owners"),
    Role.DEVELOPER: _("Developer: keys, cached prompts, leases, webhooks"),
    Role.BILLING: _("Billing: plan, credit, budgets, cards, invoices"),
    Role.VIEWER: _("Viewer: sees all, changes nothing"),
}


def roles_to_give(access: Access) -> list[tuple[str, str]]:
    """As choices, from the least to the most."""
    return [
        (role.value, ROLE_TITLES[role])
        for role in reversed(Role)
        if may_set_role(access.role, before=None, after=role)
    ]


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label="E-mail",
        widget=forms.EmailInput(
            attrs={"autocomplete": "off", "placeholder": "name@company.example"}
        ),
    )
    role = forms.TypedChoiceField(coerce=Role, initial=Role.DEVELOPER.value)

    def __init__(self, access: Access, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # Django's own
        field = self.fields["role"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101  declared above
        field.choices = roles_to_give(access)
