"""What the mail about a disabled endpoint says."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WebhookMail:
    subject: str
    text: str


def webhook_mail(
    *, tenant_name: str, endpoint_url: str, reason: str, page_url: str
) -> WebhookMail:
    return WebhookMail(
        subject=f"A webhook endpoint of {tenant_name} is disabled",
        text=(
            f"Nothing more is sent to {endpoint_url}.\n\n{reason}\n\n"
            "Messages that were made before are kept for 30 days. Put the endpoint"
            " right, enable it, and have them sent again:\n"
            f"{page_url}\n"
        ),
    )
