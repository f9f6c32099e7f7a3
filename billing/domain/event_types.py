"""What a tenant's own systems can be told about."""

import enum


class EventType(enum.StrEnum):
    """The word on the wire; stable for ever."""

    INVOICE_ISSUED = "invoice.issued"
    INVOICE_PAID = "invoice.paid"
    INVOICE_VOIDED = "invoice.voided"
    INVOICE_UNCOLLECTIBLE = "invoice.uncollectible"
    CREDIT_NOTE_ISSUED = "credit_note.issued"
    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_FAILED = "payment.failed"
    REFUND_FAILED = "refund.failed"
    CREDIT_GRANTED = "credit.granted"
    CREDIT_LOW = "credit.low"
    CREDIT_EXPIRED = "credit.expired"
    SUBSCRIPTION_STARTED = "subscription.started"
    SUBSCRIPTION_CHANGED = "subscription.changed"
    SUBSCRIPTION_ENDED = "subscription.ended"
    BUDGET_THRESHOLD_REACHED = "budget.threshold_reached"
    TENANT_RESTRICTED = "tenant.restricted"
    TENANT_RESTORED = "tenant.restored"
    TENANT_SUSPENDED = "tenant.suspended"
    TENANT_UNSUSPENDED = "tenant.unsuspended"
    KV_LEASE_GRANTED = "kv_lease.granted"
    KV_LEASE_RELEASED = "kv_lease.released"
    KV_LEASE_EXPIRED = "kv_lease.expired"
    KV_LEASE_LOST = "kv_lease.lost"
    KV_LEASE_REVOKED = "kv_lease.revoked"


PING = "ping"
"""The type of a test message, which is sent on demand and never subscribed to."""
