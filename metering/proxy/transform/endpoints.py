"""The table of metered endpoints. What is not listed does not reach an engine."""

from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS, COMPLETIONS
from metering.proxy.transform.dialects.messages import COUNT_TOKENS, MESSAGES
from metering.proxy.transform.dialects.others import EMBEDDINGS, IMAGES, TOKENIZE
from metering.proxy.transform.dialects.responses import RESPONSES

ENDPOINTS = {
    one.path: one
    for one in (
        CHAT_COMPLETIONS,
        COMPLETIONS,
        RESPONSES,
        MESSAGES,
        COUNT_TOKENS,
        TOKENIZE,
        EMBEDDINGS,
        IMAGES,
    )
}
