"""What owners read when staff suspend their tenant, and when that ends."""

from tenants.domain.letters import Letter, gettext_noop


def suspension_mail(*, tenant_name: str, reason: str, url: str) -> Letter:
    return Letter(
        subject=gettext_noop("%(tenant)s is suspended", tenant=tenant_name),
        paragraphs=(
            gettext_noop(
                "Calls of %(tenant)s are refused from now on, and no new API keys are"
                " made.",
                tenant=tenant_name,
            ),
            gettext_noop("The reason:"),
            f"    {reason}",
            gettext_noop("Your pages, usage and invoices stay as they are:"),
            url,
            gettext_noop(
                "Answer this mail, or write to your operator, to have it lifted."
            ),
        ),
    )


def lifted_mail(*, tenant_name: str, url: str) -> Letter:
    return Letter(
        subject=gettext_noop("%(tenant)s is no longer suspended", tenant=tenant_name),
        paragraphs=(
            gettext_noop(
                "Calls of %(tenant)s are answered again, with the keys that it had.",
                tenant=tenant_name,
            ),
            url,
        ),
    )
