"""What the mail about a disabled endpoint says."""

from tenants.domain.letters import Letter, gettext_noop


def webhook_mail(
    *, tenant_name: str, endpoint_url: str, reason: str, page_url: str
) -> Letter:
    return Letter(
        subject=gettext_noop(
            "A webhook endpoint of %(tenant)s is disabled", tenant=tenant_name
        ),
        paragraphs=(
            gettext_noop("Nothing more is sent to %(url)s.", url=endpoint_url),
            gettext_noop(reason),
            gettext_noop(
                "Messages that were made before are kept for 30 days. Put the endpoint"
                " right, enable it, and have them sent again:"
            ),
            page_url,
        ),
    )
