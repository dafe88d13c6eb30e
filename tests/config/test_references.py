import yaml
from pydantic import BaseModel

from tailrace.config.references import ModelName, unknown_models


class Inner(BaseModel):
    model: ModelName


class Settings(BaseModel):
    default: ModelName | None = None
    tiers: dict[str, Inner] = {}
    others: list[ModelName] = []
    word: str = "no-model"


MADE = Settings.model_validate(
    {"default": "gpt-4o", "tiers": {"simple": {"model": "gpt-4o-mni"}}, "others": ["gpt-4o", "nope"]}
)


def test_every_unknown_name_is_found_with_its_place_and_the_nearest_right_one():
    found = unknown_models(MADE, ("gpt-4o", "gpt-4o-mini"), ("plugins", 0, "router"))
    assert [str(problem) for problem in found] == [
        "plugins[0].router.tiers.simple.model: no model 'gpt-4o-mni' in models; did you mean 'gpt-4o-mini'?",
        "plugins[0].router.others[1]: no model 'nope' in models; known: gpt-4o, gpt-4o-mini",
    ]


def test_without_a_models_section_any_name_may_be():
    assert unknown_models(MADE, (), ()) == []


def test_names_are_written_out_as_plain_text():
    assert yaml.safe_load(yaml.safe_dump(MADE.model_dump(mode="json")))["others"] == ["gpt-4o", "nope"]
    assert Settings.model_json_schema()["$defs"]["Inner"]["properties"]["model"]["type"] == "string"
