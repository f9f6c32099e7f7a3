"""What owners read when one of their keys was found where it does not belong."""

from tenants.domain.letters import Letter, Text, gettext_noop


def key_leak_mail(
    *, tenant_name: str, key: str, where: Text | str, is_disabled: bool, url: str
) -> Letter:
    done = gettext_noop("disabled") if is_disabled else gettext_noop("revoked")
    harmless = gettext_noop(
        "If the find is harmless, the key can be taken back for 30 days."
    )
    return Letter(
        subject=gettext_noop(
            "An API key of %(tenant)s leaked and is %(done)s",
            tenant=tenant_name,
            done=done,
        ),
        paragraphs=(
            gettext_noop(
                "The API key %(key)s of %(tenant)s was found where others can read it,"
                " and is %(done)s: calls with it are refused from now on.",
                key=key,
                tenant=tenant_name,
                done=done,
            ),
            gettext_noop("Said of the place: %(where)s", where=where),
            gettext_noop(
                "Create another key, put it in place of this one, and look at the key's"
                " last calls for any that are not yours."
            ),
            *([harmless] if is_disabled else []),
            url,
        ),
    )
