"""The weights of `paraphrase`, written by `make weights`. Not to be edited."""

from typing import Final

BIAS: Final = -11.0460
WEIGHTS: Final[dict[str, float]] = {
    "similarity": 11.9342,
    "other_words": 0.1202,
    "other_words_both": 0.6058,
    "only_added": -0.0177,
    "like_words": 1.4444,
    "shared": 0.0659,
    "shared_part": -1.7235,
    "questions_both": 0.3204,
    "questions": -0.0989,
    "places_both": 0.7189,
    "places": 0.6520,
    "auxiliaries": 0.2430,
    "pronouns": 0.4431,
    "articles": 0.4941,
    "turned": 0.2678,
    "turned_pointing": 0.2501,
    "weighty": 0.2280,
    "one_swap": -1.2317,
    "one_more": 0.0864,
    "length": -0.0771,
    "longer": -0.2074,
}
