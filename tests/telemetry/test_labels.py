from tailrace.config.models import Config
from tailrace.prices import Price, PriceTable
from tailrace.telemetry.labels import MOST_REASONS, MOST_SEEN_MODELS, Labels

PRICES = PriceTable({"gpt-4o": Price(1, 2)})
PROVIDER = {"main": {"base_url": "https://api.openai.com/v1"}}


def following(**config):
    labels = Labels()
    labels.follow(Config(providers=PROVIDER, **config), PRICES)
    return labels


def test_with_a_models_section_its_targets_are_the_set():
    labels = following(models={"fast": {"targets": ["main/gpt-4o", "main/own/model"]}})
    assert labels.model("main", "own/model", answered=True) == "own/model"
    assert labels.model("main", "something", answered=True) == "other"
    assert labels.asked_for("fast") == "fast"
    assert labels.asked_for("sk-pasted") == "other"


def test_without_one_known_prices_and_the_first_that_were_answered():
    labels = following()
    assert labels.model("main", "gpt-4o", answered=False) == "gpt-4o"
    assert labels.model("main", "llama", answered=False) == "other"
    assert labels.model("main", "llama", answered=True) == "llama"
    assert labels.model("main", "llama", answered=False) == "llama"
    assert labels.asked_for("llama") == "llama"


def test_no_client_can_make_more_labels_than_there_are():
    labels = following()
    words = {labels.model("main", f"model-{number}", answered=True) for number in range(1000)}
    assert len(words) == MOST_SEEN_MODELS + 1
    reasons = {labels.reason("router", f"reason-{number}") for number in range(1000)}
    assert len(reasons) == MOST_REASONS + 1
    errors = {labels.error(f"error_{number}") for number in range(1000)}
    assert len(errors) == 65
    assert "_OTHER" in errors


def test_a_new_configuration_keeps_what_was_told():
    labels = following()
    labels.model("main", "llama", answered=True)
    labels.follow(Config(providers=PROVIDER), PRICES)
    assert labels.model("main", "llama", answered=False) == "llama"
    assert labels.provider("main") == "openai"
    assert labels.provider("unknown") == "unknown"


def test_reasons_lose_their_details():
    assert following().reason("router", "routed(gpt-4o)") == "routed"
