"""What is metered, in the language of the page; documents have titles of their own."""

from django.utils.translation import gettext

from billing.domain.charges import ChargeKind
from frontend.lazy import lazy as _
from metering.domain.usage import Meter

METER_TITLES = {
    Meter.NEW_INPUT_TOKENS.value: _("New input tokens"),
    Meter.CACHED_INPUT_TOKENS.value: _("Cached input tokens"),
    Meter.OUTPUT_TOKENS.value: _("Output tokens"),
    Meter.IMAGES.value: _("Images"),
    Meter.HBM_MB_S.value: _("KV lease, GPU memory (MB·s)"),
    Meter.HOST_MB_S.value: _("KV lease, host memory (MB·s)"),
    Meter.DISK_MB_S.value: _("KV lease, disk (MB·s)"),
}
METER_PHRASES = {
    Meter.NEW_INPUT_TOKENS.value: _("new input tokens"),
    Meter.CACHED_INPUT_TOKENS.value: _("cached input tokens"),
    Meter.OUTPUT_TOKENS.value: _("output tokens"),
    Meter.IMAGES.value: _("images"),
    Meter.HBM_MB_S.value: _("MB·s of KV leases in GPU memory"),
    Meter.HOST_MB_S.value: _("MB·s of KV leases in host memory"),
    Meter.DISK_MB_S.value: _("MB·s of KV leases on disk"),
}
"""Within a sentence."""


def line_title(*, kind: str, description: str, model: str, meter: str) -> str:
    """As `billing.domain.line_titles` has it for documents, in the page's language."""
    if kind == ChargeKind.USAGE:
        return f"{METER_TITLES[meter]}, {model}"
    if kind == ChargeKind.PLAN:
        return gettext("Plan %(description)s") % {"description": description}
    return description
