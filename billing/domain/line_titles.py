"""What a line is called, wherever it is shown."""

from billing.domain.charges import ChargeKind
from metering.domain.usage import Meter

METER_TITLES = {
    Meter.NEW_INPUT_TOKENS.value: "New input tokens",
    Meter.CACHED_INPUT_TOKENS.value: "Cached input tokens",
    Meter.OUTPUT_TOKENS.value: "Output tokens",
    Meter.IMAGES.value: "Images",
    Meter.HBM_MB_S.value: "KV lease, GPU memory (MB·s)",
    Meter.HOST_MB_S.value: "KV lease, host memory (MB·s)",
    Meter.DISK_MB_S.value: "KV lease, disk (MB·s)",
}


def line_title(*, kind: str, description: str, model: str, meter: str) -> str:
    """`Output tokens, smollm2`; of other kinds than usage, their description."""
    if kind == ChargeKind.USAGE:
        return f"{METER_TITLES[meter]}, {model}"
    return f"Plan {description}" if kind == ChargeKind.PLAN else description
