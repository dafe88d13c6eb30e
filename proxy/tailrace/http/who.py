"""Who is asking: from a presented credential to a tenant."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from tailrace.config.models import Keys
from tailrace.errors import Unauthorized
from tailrace.upstream.headers import client_credential

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """The tenant of a request; `credential` only where it is the client's own key for the provider."""

    tenant: str
    credential: str | None


class Doorkeeper:
    """Tells callers apart. With configured keys every request needs one; without, any credential is its own tenant.

    Keys are looked up by their keyed hash: comparing secrets byte by byte would tell by its timing how much was right.
    """

    def __init__(self, keys: Keys, secret: bytes) -> None:
        # The same for the life of the process, so that a reload makes nobody another tenant.
        self._secret = secret
        self._tenants = {self._digest(key.get_secret_value()): tenant for tenant, key in keys.static.items()}

    def _digest(self, credential: str) -> str:
        return hashlib.blake2b(
            credential.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=16
        ).hexdigest()

    def admit(self, headers: Mapping[str, str]) -> Caller:
        """The caller, or `Unauthorized`."""
        credential = client_credential(headers)
        if not self._tenants:
            return Caller(ANONYMOUS if credential is None else self._digest(credential), credential)
        tenant = self._tenants.get(self._digest(credential)) if credential is not None else None
        if tenant is None:
            message = "No API key was given." if credential is None else "The API key is not valid here."
            raise Unauthorized(message, headers={"www-authenticate": "Bearer"})
        return Caller(tenant, None)


def token_fits(headers: Mapping[str, str], token: str) -> bool:
    """Whether the operator's token was presented; compared in constant time."""
    given = client_credential(headers)
    return given is not None and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
