"""The log of mails: which kind went to whom, when, and whether the server took it."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.append_only import no_truncate, refusing
from tenants.domain.mail_kinds import MailKind
from tenants.models import Tenant

MAILS_KEPT_DAYS = 90
ERROR_CHARACTERS_MAX = 300
_KEPT = "the log of mails is kept"


class SentMail(models.Model):
    """One mail to one address, handed to the mail server or refused by it. What it
    said is not kept.
    """

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        related_name="sent_mails",
        db_constraint=False,
    )
    """Whose matter it is; null: a person's, or staff's. No key guards it: one that
    failed is written beside a transaction that may hold the tenant."""
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(
        max_length=16, choices=[(kind.value, kind.value) for kind in MailKind]
    )
    recipient = models.CharField(max_length=254)
    about = models.CharField(max_length=40, blank=True, default="", db_default="")
    """By what it can be made again, such as `document:12`; empty: by nothing."""
    error = models.CharField(
        max_length=ERROR_CHARACTERS_MAX, blank=True, default="", db_default=""
    )
    """What the mail server said; empty: it took the mail."""

    class Meta:
        triggers = [
            refusing(pgtrigger.Update, name="never_changed", saying=_KEPT),
            refusing(
                pgtrigger.Delete,
                name="kept_for_days",
                saying=_KEPT,
                condition=pgtrigger.Condition(
                    f"OLD.at > now() - interval '{MAILS_KEPT_DAYS} days'"
                ),
            ),
            no_truncate(_KEPT),
        ]
        indexes = [
            models.Index(fields=["-at", "-id"], name="sent_mail_newest"),
            models.Index(fields=["tenant", "-id"], name="sent_mail_of_tenant"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in MailKind]),
                name="sent_mail_kind_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"
