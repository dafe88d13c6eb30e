"""Whether the default model may be asked after the chosen one failed. Pure.

What the router has caused it must make good; what the client or the provider decided stands.
"""

from typing import Final

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange
from tailrace.upstream.policy import CONTENT, SPENT, leaves

_WORKED_ON: Final = frozenset({408, 409, 429})
"""Of the 4xx those after which the first model may have begun, or would have been asked again as it is."""
_ABOUT_PARAMETERS: Final = frozenset({400, 422})
MODEL_NOT_FOUND: Final = "model_not_found"


def may_ask_again(exchange: Exchange, error: TailraceError) -> bool:
    """Whether another model may be asked.

    Not where money or content policy is the reason. A refusal (most of 4xx) came before any work, so that nothing is
    done twice; after anything else the request must leave nothing behind that others see, and must not carry an
    Idempotency-Key, which belongs to one body.
    """
    if error.status < 400 or error.code in SPENT or error.code in CONTENT:
        return False
    if error.status < 500 and error.status not in _WORKED_ON:
        return True
    request = exchange.request
    left = leaves(request.method, exchange.endpoint.kind, exchange.payload, request.headers)
    return left != "changes" and "idempotency-key" not in request.headers


def is_about_parameters(error: TailraceError) -> bool:
    """Whether the same model may answer once the request has its own parameters back."""
    return error.status in _ABOUT_PARAMETERS


def is_not_there(error: TailraceError) -> bool:
    """Whether the model itself is unknown to its provider, so that the next request would fail, too."""
    return error.status == 404 and error.code == MODEL_NOT_FOUND
