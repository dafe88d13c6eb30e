"""Which session a request belongs to, told from what it carries (architecture: "Who is asking")."""

import hashlib
from collections.abc import Mapping
from typing import Any

from tailrace.wire import jsonio

MAX_ID_CHARS = 256


def given_session(header: str | None, payload: Mapping[str, Any]) -> str | None:
    """The session id the client gave itself: the header, else the body fields agents use; None if it gave none.

    Ids over `MAX_ID_CHARS` characters count as not given: a session id is a key in bounded tables.
    """
    candidates: list[Any] = [header, payload.get("prompt_cache_key")]
    metadata = payload.get("metadata")
    if isinstance(metadata, Mapping):
        candidates.append(metadata.get("session_id"))
    conversation = payload.get("conversation")
    candidates.append(conversation.get("id") if isinstance(conversation, Mapping) else conversation)
    for candidate in candidates:
        if isinstance(candidate, str) and 0 < len(candidate) <= MAX_ID_CHARS:
            return candidate
    return None


def derive_session(tenant: str, given: str | None, payload: Mapping[str, Any]) -> str:
    """The key of a session: a hash of the tenant and the id the client gave; without one, of the tenant, the system
    prompt, the tools and the first user message. Two tenants never share one, whatever they send.
    """
    if given is not None:
        return hashlib.blake2b(jsonio.dumps([tenant, given]), digest_size=16).hexdigest()
    messages = payload.get("messages")
    if not isinstance(messages, list):
        messages = payload.get("input")
    opening: list[Any] = []
    if isinstance(messages, list):
        for message in messages:
            opening.append(message)
            if isinstance(message, Mapping) and message.get("role") == "user":
                break
    else:
        opening.append(messages)
    stays = [tenant, payload.get("system"), payload.get("instructions"), payload.get("tools"), opening]
    return hashlib.blake2b(jsonio.dumps(stays), digest_size=16).hexdigest()
