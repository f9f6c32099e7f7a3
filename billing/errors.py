"""What billing refuses, and why; `code` is stable, the text is not."""

from typing import ClassVar


class BillingError(Exception):
    """Base of every refusal. The text may be shown to the person who asked."""

    code: ClassVar[str]


class InvalidRateError(BillingError):
    """Not a rate that can be kept exactly."""

    code = "invalid_rate"


class InvalidAmountError(BillingError):
    """Not an amount of money that can be kept exactly, or nothing at all."""

    code = "invalid_amount"


class InvalidCreditError(BillingError):
    """Not a grant, or a withdrawal, that can be kept."""

    code = "invalid_credit"


class IdempotencyKeyReusedError(BillingError):
    """The key names an earlier act that was another one."""

    code = "idempotency_key_reused"


class PriceInThePastError(BillingError):
    """It would change what usage was already admitted under."""

    code = "price_in_the_past"


class PriceOutOfOrderError(BillingError):
    """A price from that time or later is set already, and versions never change."""

    code = "price_out_of_order"


class InvalidPricingError(BillingError):
    """A price model whose parts do not fit together."""

    code = "invalid_pricing"


class ArbitrageError(BillingError):
    """A price that nobody has to pay, since a better thing of ours costs less."""

    code = "arbitrage"


class OtherCurrencyError(BillingError):
    """It is in another currency than the tenant pays in; nothing is converted."""

    code = "other_currency"


class CurrencySettledError(BillingError):
    """The tenant has money, or terms in it, in its present currency."""

    code = "currency_settled"


class PriceBookTakenError(BillingError):
    code = "price_book_taken"


class UnknownPriceBookError(BillingError):
    code = "unknown_price_book"


class InvalidPlanError(BillingError):
    """Terms that do not fit together, or a code that is taken."""

    code = "invalid_plan"


class UnknownPlanError(BillingError):
    code = "unknown_plan"


class PlanWithdrawnError(BillingError):
    """Nobody is put on it any more."""

    code = "plan_withdrawn"


class AlreadySubscribedError(BillingError):
    """The tenant is on a plan, which can be changed."""

    code = "already_subscribed"


class NoSubscriptionError(BillingError):
    """The tenant is on no plan."""

    code = "no_subscription"


class ChangeInThePastError(BillingError):
    """It would change what a time that is over costs."""

    code = "change_in_the_past"


class CommitmentRunsError(BillingError):
    """The tenant promised to stay on its plan for longer."""

    code = "commitment_runs"


class InvalidCouponError(BillingError):
    """Terms that do not fit together, or a code that is taken."""

    code = "invalid_coupon"


class UnknownCouponError(BillingError):
    code = "unknown_coupon"


class CouponEndedError(BillingError):
    """It could be redeemed until a time that is over."""

    code = "coupon_ended"


class CouponUsedUpError(BillingError):
    """As many tenants as it is for have redeemed it."""

    code = "coupon_used_up"


class UnknownModelError(BillingError):
    code = "unknown_model"


class UnpricedUsageError(BillingError):
    """Usage that names no price of its model. It is refused, never free."""

    code = "unpriced_usage"


class UnknownTenantError(BillingError):
    """Usage that names a tenant that is not there."""

    code = "unknown_tenant"


class NothingDueError(BillingError):
    """The invoice is a draft, paid, or void."""

    code = "nothing_due"


class PaymentInProgressError(BillingError):
    """Two at once might both succeed."""

    code = "payment_in_progress"


class NotRefundableError(BillingError):
    """The payment did not succeed, or no so much of it is left."""

    code = "not_refundable"


class CardPaymentsOffError(BillingError):
    """No payment provider is configured; invoices are paid by bank transfer."""

    code = "card_payments_off"


class ProviderUnavailableError(BillingError):
    """The payment provider gave no answer that can be trusted: try again later."""

    code = "payment_provider_unavailable"


class ProviderRefusedError(BillingError):
    """The payment provider will not do it, however often it is asked."""

    code = "payment_provider_refused"


class PeriodNotOverError(BillingError):
    """A month that still runs can only be issued until a given time."""

    code = "period_not_over"


class NothingToIssueError(BillingError):
    """The draft bills nothing of the span in question, or is gone."""

    code = "nothing_to_issue"


class UnreconciledError(BillingError):
    """The usage events of a day differ from what the engines counted, or were not
    compared yet.
    """

    code = "unreconciled"


class InvoiceNotFoundError(BillingError):
    code = "invoice_not_found"


class CreditNoteNotFoundError(BillingError):
    code = "credit_note_not_found"


class NotCreditableError(BillingError):
    """The invoice is a draft or void, or less than that is left of it."""

    code = "not_creditable"


class NotVoidableError(BillingError):
    """Something followed from the invoice already: credit it instead."""

    code = "invoice_not_voidable"


class NotWrittenOffError(BillingError):
    """Only what is owed can be given up."""

    code = "invoice_not_written_off"


class UsageNotRolledUpError(BillingError):
    """Stored events stay out of the rollups although they were rolled up again and
    again: more arrive than can be folded.
    """

    code = "usage_not_rolled_up"


class InvalidWebhookError(BillingError):
    """Not an endpoint that messages could be sent to."""

    code = "invalid_webhook_endpoint"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field
        """Which of `url`, `description` and `types` is wrong."""


class TooManyWebhooksError(BillingError):
    code = "too_many_webhook_endpoints"


class WebhookDisabledError(BillingError):
    """Nothing is sent to it until it is enabled."""

    code = "webhook_endpoint_disabled"


class NoTaxRateError(BillingError):
    """A sale whose tax rate nobody entered. It is refused, never untaxed."""

    code = "no_tax_rate"


class InvalidVatIdError(BillingError):
    """Not a VAT id of that country."""

    code = "invalid_vat_id"


class TaxEngineError(BillingError):
    """Whoever knows the tax cannot be reached; asked again later."""

    code = "tax_engine_unavailable"


class IncompleteDocumentError(BillingError):
    """Something that an e-invoice must say is not known."""

    code = "incomplete_document"


class TaxChangedError(BillingError):
    """Who sells or buys changed while an invoice was issued; to be tried again."""

    code = "tax_changed"


class ReceiptChangedError(BillingError):
    """The books say something else of an event than when its receipt was sealed."""

    code = "receipt_changed"


class ReceiptsDifferError(BillingError):
    """The receipts of a span do not add up to what was rolled up of it: more was
    stored meanwhile, or the rollups are wrong.
    """

    code = "receipts_differ"


class ActInProgressError(BillingError):
    """Somebody does it at this moment."""

    code = "request_in_progress"


class NotDisputableError(BillingError):
    """A draft still changes, and only usage can be derived from events."""

    code = "not_disputable"


class NoResolutionError(BillingError):
    """A dispute is resolved with words, or it is not."""

    code = "no_resolution"
