"""Tables without a tenant that what a tenant reads may select from; see
`tenants.row_security`. Catalogues and prices, nothing that tells of other tenants.
"""

SHARED_TABLES = (
    "inference_servedmodel",
    "inference_engine",
    "engine_capacity",
    "lease_cursor",
    "billing_priceversion",
    "billing_plan",
    "billing_planallowance",
    "billing_coupon",
    "billing_legalentity",
    "billing_taxrate",
    "receipt_key",
    "tenants_switches",
    "django_content_type",
)
