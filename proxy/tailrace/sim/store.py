"""The responses a client asked to be stored, for `previous_response_id` and the GET and DELETE of /v1/responses."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from .errors import Refusal

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored response with all items that led to it, and whose it is."""

    response: dict[str, Any]
    items: list[Item]
    credential: str


class ResponseStore:
    """Bounded by number; a response is visible only to the credential that made it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._stored: OrderedDict[str, Stored] = OrderedDict()

    def keep(self, response: dict[str, Any], items: list[Item], credential: str) -> None:
        """Store a response; the oldest goes when there are too many."""
        self._stored[response["id"]] = Stored(response, items, credential)
        if len(self._stored) > self._most:
            self._stored.popitem(last=False)

    def find(self, id: str, credential: str) -> Stored:
        """Return a stored response; raises Refusal (404)."""
        found = self._stored.get(id)
        if found is None or found.credential != credential:
            raise Refusal(404, f"Response with id '{id}' not found.")
        return found

    def drop(self, id: str, credential: str) -> None:
        """Delete a stored response; raises Refusal (404)."""
        self.find(id, credential)
        del self._stored[id]

    def earlier(self, id: Any, credential: str) -> list[Item]:
        """Return the items of the conversation up to and including a response; none without an id."""
        if id is None:
            return []
        try:
            found = self.find(str(id), credential)
        except Refusal as refusal:
            raise Refusal(
                400,
                f"Previous response with id '{id}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            ) from refusal
        return [*found.items, *found.response["output"]]
