"""`tailrace router explain`: what the router sees in a request, what it makes of it, and where it would go."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from tailrace.config.load import Loaded
from tailrace.config.problems import from_validation
from tailrace.wire import jsonio
from tailrace.wire.conversation import Conversation, read_conversation
from tailrace.wire.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from tailrace_plugins.router.judge import Judge, Judged
from tailrace_plugins.router.ladder import Ladder, build
from tailrace_plugins.router.policy.estimate import input_tokens, output_tokens
from tailrace_plugins.router.policy.guards import Choice, needs_of, pick
from tailrace_plugins.router.policy.signs import signs_of_failure
from tailrace_plugins.router.policy.tiers import TIERS
from tailrace_plugins.router.settings import RouterSettings

_ENDPOINTS: Mapping[str, Endpoint] = {
    "chat": CHAT,
    "completions": COMPLETIONS,
    "responses": RESPONSES,
    "messages": MESSAGES,
}


@click.command("explain")
@click.argument("request_file", metavar="[REQUEST.json]", type=click.File("rb"), default="-")
@click.option("--config", "path", metavar="FILE", help="With the tiers; else TAILRACE_CONFIG, else none.")
@click.option("--shape", type=click.Choice(tuple(_ENDPOINTS)), help="Whose form it has; guessed if not given.")
@click.option("--mode", type=click.Choice(("learned", "rules")), help="Instead of the configured one.")
@click.option("--quality", type=click.FloatRange(0, 1, min_open=True), help="Instead of the configured one.")
@click.option("--weights", type=click.Path(exists=True, dir_okay=False), help="Made by `tailrace router train`.")
@click.option("--embed", is_flag=True, help="Use the question's embedding, too (needs the semantic extra).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    request_file: Any,
    path: str | None,
    shape: str | None,
    mode: str | None,
    quality: float | None,
    weights: str | None,
    embed: bool,
    as_json: bool,
) -> None:
    """Print what the router sees in a request, how it weighs it, and which model it would choose.

    \b
    tailrace router explain < request.json
    tailrace router explain --config tailrace.yaml --json request.json
    Nothing is sent anywhere. As for a new session, without what is known of earlier turns.
    """
    from tailrace.cli.common import load_or_exit

    if request_file is sys.stdin.buffer and sys.stdin.isatty():
        raise click.UsageError("give a request: tailrace router explain < request.json")
    try:
        payload = jsonio.loads_object(request_file.read())
    except jsonio.BadJson as error:
        raise click.ClickException(f"the request is no JSON object: {error}") from None
    loaded = load_or_exit(path)
    given = {"mode": mode, "quality": quality, "weights": weights}
    try:
        settings = _settings(loaded, {name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        told = from_validation(error, RouterSettings, ("router",))
        raise click.ClickException("\n".join(str(problem) for problem in told)) from None
    endpoint = _ENDPOINTS[shape or _guessed(payload)]
    conversation = read_conversation(endpoint.shape or "chat", payload)
    judge = Judge(settings)
    features = judge.features(conversation)
    judged = judge.judge(features, _vector(features.question) if embed else None)
    ladder = _ladder(loaded, settings, endpoint)
    size = len(jsonio.dumps(payload))
    choice = pick(judged.tier, ladder.abilities, needs_of(conversation, size)) if ladder.rungs else None
    if as_json:
        click.echo(jsonio.dumps(_told(conversation, judged, ladder, choice, size)))
    else:
        _show(Console(), conversation, judged, ladder, choice, size)


def _guessed(payload: Mapping[str, Any]) -> str:
    if "input" in payload or "instructions" in payload:
        return "responses"
    if "prompt" in payload and "messages" not in payload:
        return "completions"
    return "messages" if "system" in payload else "chat"


def _settings(loaded: Loaded, given: Mapping[str, Any]) -> RouterSettings:
    """The router's settings as they are in force, with the command's own on top."""
    from tailrace.config.presets import chain_of

    config = loaded.config
    entries = {name: raw for entry in chain_of(config.preset, config.plugins) for name, raw in entry.items()}
    return RouterSettings.model_validate({**(entries.get("router") or {}), **given})


def _ladder(loaded: Loaded, settings: RouterSettings, endpoint: Endpoint) -> Ladder:
    import os

    from tailrace.config.implied import with_implied, with_provider
    from tailrace.prices import PriceTable
    from tailrace.upstream.book import ModelBook
    from tailrace.upstream.targets import Targets

    config, _ = with_implied(loaded.config, os.environ)
    if not config.providers:
        config = with_provider(config, "simulated", "http://127.0.0.1:1")
    return build(settings, ModelBook(config, Targets(config), PriceTable.shipped()), endpoint)


def _vector(question: str) -> bytes | None:
    from tailrace_plugins.router.evaluate.embedding import embed

    return embed([question])[0]


def _told(
    conversation: Conversation, judged: Judged, ladder: Ladder, choice: Choice | None, size: int
) -> dict[str, Any]:
    score = judged.score
    return {
        "tier": judged.tier.value,
        "p": round(score.p, 4),
        "scored_by": score.mode,
        "reason": score.reason,
        "thresholds": dict(zip((tier.value for tier in TIERS), judged.thresholds, strict=False)),
        "model": choice.target if choice is not None else None,
        "choice": choice.words if choice is not None else "no tiers are configured",
        "tiers": {tier.value: rung.facts.name for tier, rung in ladder.rungs.items()},
        "needs": asdict(needs_of(conversation, size)),
        "estimated_input_tokens": input_tokens(conversation, size),
        "estimated_output_tokens": output_tokens(conversation),
        "signs_of_failure": list(signs_of_failure(conversation)),
        "weights": [{"name": part.name, "value": part.value, "weight": part.weight} for part in score.parts],
        "features": {name: float(value) for name, value in judged.features.items()},
    }


def _show(
    console: Console, conversation: Conversation, judged: Judged, ladder: Ladder, choice: Choice | None, size: int
) -> None:
    told = _told(conversation, judged, ladder, choice, size)
    weights = Table(title="What counted", title_justify="left")
    weights.add_column("")
    for name in ("value", "weight", "contribution"):
        weights.add_column(name, justify="right")
    for part in judged.score.parts:
        if part.value and part.weight:
            contribution = part.value * part.weight
            weights.add_row(part.name, f"{part.value:.3g}", f"{part.weight:+.3f}", f"{contribution:+.3f}")
    console.print(weights)
    seen = ", ".join(f"{name} {value:.3g}" for name, value in told["features"].items() if value)
    console.print(f"features: {seen}\n", highlight=False, style="dim")
    bounds = ", ".join(f"{tier} from {least:.3f}" for tier, least in told["thresholds"].items())
    console.print(f"p(the cheap model suffices) = {told['p']:.3f}  ({told['scored_by']}; {bounds})", highlight=False)
    console.print(f"tier: [bold]{told['tier']}[/bold]  ({told['reason']})", highlight=False)
    if told["signs_of_failure"]:
        console.print(f"signs of failure: {', '.join(told['signs_of_failure'])}", highlight=False)
    console.print(f"model: [bold]{told['model'] or '-'}[/bold]  {told['choice']}", highlight=False)
