from importlib import import_module

from django.apps import AppConfig
from django.core.checks import register


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        register(import_module("billing.checks").check_stripe)

    def import_models(self) -> None:
        """Django looks for models in `billing.models` itself, which stays empty."""
        for module in (
            "price_books",
            "prices",
            "plans",
            "plan_books",
            "rating",
            "ledger",
            "taxes",
            "invoices",
            "receipts",
            "disputes",
            "credit_notes",
            "payments",
            "invoice_ends",
            "issue_blocks",
            "document_mails",
            "credit",
            "auto_recharge",
            "budget_alerts",
            "provider",
            "dunning",
            "webhooks",
            "tax_rates",
            "api_access",
            "event_cursors",
        ):
            import_module(f"billing.models.{module}")
        super().import_models()
