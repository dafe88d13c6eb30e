"""The weights of `paraphrase`, written by `make weights`. Not to be edited."""

from typing import Final

BIAS: Final = -10.2343
WEIGHTS: Final[dict[str, float]] = {
    "similarity": 11.6188,
    "other_words": 0.0829,
    "other_words_both": 0.3703,
    "only_added": -0.1319,
    "like_words": 1.1447,
    "shared": 0.0657,
    "shared_part": -2.1842,
    "questions_both": 0.3205,
    "questions": -0.0435,
    "places_both": 0.8621,
    "places": 0.6319,
    "auxiliaries": 0.2353,
    "pronouns": 0.4402,
    "articles": 0.5708,
    "turned": 0.1595,
    "turned_pointing": 0.2018,
    "weighty": 0.2029,
    "one_swap": -1.2036,
    "one_more": -0.0176,
    "length": -0.0749,
    "longer": -0.1904,
}
