from datetime import UTC, datetime

from tenants.domain.invitations import digest, invitation_mail, make_secret


def test_it_works():
    mail = invitation_mail(
        tenant_name="Acme <b>",
        role="viewer",
        inviter="olga@acme.example",
        url="https://portal.example/invitations/x/",
        expires_at=datetime(2026, 11, 8, 12, tzinfo=UTC),
    )
    assert str(mail.subject) == "Join Acme <b> on Tokenfab"
    assert "olga@acme.example invites you to Acme <b> on Tokenfab" in mail.text
    assert "\n\nhttps://portal.example/invitations/x/\n" in mail.text
    assert "08 November 2026, 12:00 UTC" in mail.text


def test_no_secret_is_made_twice():
    secrets = {make_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert len({digest(secret) for secret in secrets}) == 100
