import pickle

from tailrace.telemetry.spans import build


def test_a_record_is_plain_values_that_can_cross_a_process(ended, rules):
    spans = build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, rules)
    assert pickle.loads(pickle.dumps(spans)) == spans
