"""The simulated provider's HTTP routes: each request is noted in the journal, decided on, and played."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
from aiohttp import web

from . import endpoints, files
from .chat import FINGERPRINT
from .endpoints import Endpoint, decide
from .errors import Refusal, error_script
from .faults import Chosen
from .journal import Entry
from .player import play
from .provider import Provider
from .script import End, Script, Shape, json_script

FAULT_HEADER = "x-sim-fault"
MODELS = ("tailrace-sim", "gpt-4o", "gpt-4o-mini", "o1", "text-embedding-3-small", "claude-sonnet-4-5")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Decider = Callable[[web.Request, Entry], Awaitable[Script]]


class Routes:
    """The handlers of one simulated provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def add_to(self, app: web.Application) -> None:
        """Register every route."""
        for path, endpoint in (
            ("chat/completions", endpoints.CHAT),
            ("completions", endpoints.COMPLETIONS),
            ("embeddings", endpoints.EMBEDDINGS),
        ):
            handler = self._journaled(self._generation(endpoint))
            app.router.add_post(f"/v1/{path}", handler)
            app.router.add_post(f"/openai/deployments/{{deployment}}/{path}", handler)
        for path, endpoint in (
            ("responses", endpoints.RESPONSES),
            ("messages", endpoints.MESSAGES),
            ("messages/count_tokens", endpoints.COUNT_TOKENS),
            ("moderations", endpoints.MODERATIONS),
            ("audio/speech", endpoints.SPEECH),
        ):
            app.router.add_post(f"/v1/{path}", self._journaled(self._generation(endpoint)))
        for method, path, decider in (
            ("GET", "/v1/responses/{id}", self._response),
            ("DELETE", "/v1/responses/{id}", self._response),
            ("POST", "/v1/responses/{id}/cancel", self._response),
            ("GET", "/v1/responses/{id}/input_items", self._input_items),
            ("GET", "/v1/models", self._models),
            ("GET", "/v1/models/{id:.+}", self._model),
            ("POST", "/v1/files", self._upload),
            ("GET", "/v1/files/{id}/content", self._content),
            ("*", "/v1/_echo", self._echo),
            ("*", "/{tail:.*}", self._unknown),
        ):
            app.router.add_route(method, path, self._journaled(self._plain(decider)))

    def _journaled(self, decider: Decider) -> Handler:
        journal = self._provider.journal

        async def handle(request: web.Request) -> web.StreamResponse:
            entry = journal.open(request)
            try:
                script = await decider(request, entry)
                script = replace(script, headers=(*script.headers, ("x-request-id", f"req_sim_{entry.id:08x}")))
                response = await play(request, script)
            except (asyncio.CancelledError, ConnectionError):
                journal.close(entry, "aborted")
                raise
            except BaseException:
                journal.close(entry, "failed")
                raise
            cut = not script.head or script.end in (End.CLOSE, End.RESET)
            journal.close(entry, "cut" if cut else "answered", script.status if script.head else None)
            return response

        return handle

    def _generation(self, endpoint: Endpoint) -> Decider:
        provider = self._provider

        async def decider(request: web.Request, entry: Entry) -> Script:
            try:
                raw = await request.read()
            except web.HTTPRequestEntityTooLarge:
                return error_script(Refusal(413, "Request body too large.", code="request_too_large"), endpoint.shape)
            provider.journal.keep(entry, raw)
            body = _parsed(raw)
            deployment = request.match_info.get("deployment")
            if deployment is not None and isinstance(body, dict):
                body = {**body, "model": deployment}
            try:
                fault = self._fault(request, entry, body)
            except Refusal as refusal:
                return error_script(refusal, endpoint.shape)
            return decide(provider, endpoint, body, fault, self._key(request))

        return decider

    def _plain(self, answer: Decider) -> Decider:
        """Wrap an endpoint that has no model in a body: faults come by header or by the name in the path."""

        async def decider(request: web.Request, entry: Entry) -> Script:
            try:
                fault = self._fault(request, entry, {"model": request.match_info.get("id", "")})
                if fault is not None and fault.fault.replaces:
                    return fault.spoil(Script())
                if isinstance(key := self._key(request), Refusal):
                    raise key
                script = await answer(request, entry)
            except Refusal as refusal:
                return error_script(refusal, Shape.OPENAI)
            return script if fault is None else fault.spoil(script)

        return decider

    def _fault(self, request: web.Request, entry: Entry, body: Any) -> Chosen | None:
        named = request.headers.get(FAULT_HEADER)
        model = body.get("model") if isinstance(body, dict) else None
        entry.model = model if isinstance(model, str) else ""
        return self._provider.fault(named or entry.model)

    def _key(self, request: web.Request) -> str | Refusal:
        try:
            return self._provider.admit(request)
        except Refusal as refusal:
            return refusal

    async def _response(self, request: web.Request, _: Entry) -> Script:
        """GET, DELETE and cancel of a stored response; every response is finished, so cancel changes nothing."""
        id, key = request.match_info["id"], self._provider.admit(request)
        if request.method == "DELETE":
            self._provider.responses.drop(id, key)
            return json_script({"id": id, "object": "response", "deleted": True})
        found = self._provider.responses.find(id, key)
        if request.method == "POST" and not found.response["background"]:
            raise Refusal(400, "Cannot cancel a synchronous response.")
        return json_script(found.response)

    async def _input_items(self, request: web.Request, _: Entry) -> Script:
        found = self._provider.responses.find(request.match_info["id"], self._provider.admit(request))
        listed = found.items[::-1] if request.query.get("order", "desc") == "desc" else found.items
        ends = {"first_id": listed[0]["id"], "last_id": listed[-1]["id"]} if listed else {}
        return json_script({"object": "list", "data": listed, "has_more": False, **ends})

    async def _models(self, _: web.Request, __: Entry) -> Script:
        return json_script({"object": "list", "data": [_model_object(name) for name in MODELS]})

    async def _model(self, request: web.Request, _: Entry) -> Script:
        return json_script(_model_object(request.match_info["id"]))

    async def _upload(self, request: web.Request, entry: Entry) -> Script:
        return await files.upload(request, self._provider, entry)

    async def _content(self, request: web.Request, _: Entry) -> Script:
        return files.content(request.match_info["id"])

    async def _echo(self, request: web.Request, entry: Entry) -> Script:
        raw = await request.read()
        self._provider.journal.keep(entry, raw)
        return json_script(
            {
                "method": request.method,
                "path": request.rel_url.raw_path,
                "query": request.query_string,
                "headers": [[name, value] for name, value in request.headers.items()],
                "body_sha256": sha256(raw).hexdigest(),
                "body_bytes": len(raw),
            }
        )

    async def _unknown(self, request: web.Request, _: Entry) -> Script:
        text = f"Invalid URL ({request.method} {request.path})"
        return error_script(Refusal(404, text, code="unknown_url"), Shape.OPENAI)


def _model_object(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(time.time()), "owned_by": FINGERPRINT}


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
