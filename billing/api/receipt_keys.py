"""The public keys by which anybody checks receipts and invoices."""

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from metering.services.receipt_keys import load_signer, read_public_keys


@require_safe
def receipt_keys(_request: HttpRequest) -> JsonResponse:
    """`{"keys": [{"key_id": "…", "algorithm": "Ed25519", "public_key": "…"}]}`, the
    key of today last; those that were replaced are still of what they signed.
    """
    load_signer(now=timezone.now())
    keys = [
        {"key_id": name, "algorithm": "Ed25519", "public_key": key}
        for name, key in read_public_keys().items()
    ]
    return JsonResponse({"keys": keys}, headers={"cache-control": "max-age=300"})
