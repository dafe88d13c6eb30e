"""The cache benchmark's own parts: what it asks, what it believes, and how it judges."""

from __future__ import annotations

import operator
import sys
import threading
from pathlib import Path
from socket import create_server

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchkit import payload, report
from benchkit.caches import questions, scratch, table
from benchkit.caches.asking import Asker, read_head
from benchkit.caches.plan import ANSWER_BYTES, Book, CachePlan, Shares, nearest_rank
from benchkit.load import Run, Spec


def test_a_figure_is_put_together_round_by_round() -> None:
    book = Book()
    for ours, theirs in ((1.0, 10.0), (3.0, 10.0), (2.0, 40.0)):
        book.write("ours", ours)
        book.write("theirs", theirs)
    found = book.combined("ours", "theirs", operator.truediv)
    assert found is not None and (found.median, found.low, found.high) == (0.1, 0.05, 0.3)


def test_rounds_that_do_not_pair_give_no_figure() -> None:
    book = Book()
    book.write("ours", 1.0)
    book.write("ours", None)
    assert book.combined("ours", "theirs", operator.sub) is None
    assert book.figures == {"ours": [1.0]} and book.read("theirs") is None


@pytest.mark.parametrize(("share", "found"), [(0.5, 2.0), (0.95, 3.0), (0.0, 1.0)])
def test_percentiles(share: float, found: float) -> None:
    assert nearest_rank([3.0, 1.0, 2.0], share) == found
    assert nearest_rank([], share) is None


def test_shares_become_steps() -> None:
    told: list[tuple[str, float]] = []
    shares = Shares(lambda text, weight: told.append((text, weight)), 10.0)
    for share in (0.25, 0.25, 0.1, 1.0):
        shares(share)
    assert told == [("", 2.5), ("", 7.5)]


def test_a_quick_plan_is_small_and_whole() -> None:
    quick = CachePlan().quick()
    assert (quick.rounds, quick.entries, quick.connections) == (1, 4_000, 64)
    assert quick.questions <= CachePlan().questions and quick.in_all < CachePlan().in_all


def test_questions_differ_and_their_rewordings_belong_to_them() -> None:
    size = CachePlan().questions
    kept = questions.stored(size)
    assert len(set(kept)) == size
    for form in range(len(questions.REWORDED)):
        others = questions.reworded(size, form)
        assert not set(others) & set(kept)
        for question, other in zip(kept, others, strict=True):
            thing = question.split(" my ")[1]
            assert thing.rstrip("?") in other
    with pytest.raises(ValueError, match="there are 400"):
        questions.stored(401)


def test_no_filler_is_one_of_the_questions() -> None:
    fillers = list(questions.others(20_000))
    assert len(set(fillers)) == len(fillers)
    assert not set(questions.VERBS) & set(questions.OTHER_VERBS)
    assert not set(questions.THINGS) & set(questions.OTHER_THINGS)


def test_all_questions_stand_in_the_same_surroundings() -> None:
    bodies = [orjson.loads(questions.body_of(question)) for question in questions.stored(5)]
    around = {orjson.dumps([body["messages"][:-1], body["temperature"]]) for body in bodies}
    assert len(around) == 1
    sizes = [len(questions.body_of(question)) for question in questions.stored(50)]
    assert min(sizes) > 1900 and max(sizes) < 2200
    assert questions.body_of("a", system="x") != questions.body_of("a", system="y")
    assert len(questions.too_long()) > 1000


def test_a_stored_answer_is_two_kilobytes() -> None:
    assert len(questions.answer(7)) == len(questions.answer(99_999)) == ANSWER_BYTES
    assert orjson.loads(questions.answer(7))["choices"][0]["finish_reason"] == "stop"


def test_made_vectors_are_as_near_as_said() -> None:
    np = pytest.importorskip("numpy")
    from benchkit.caches.vectors import turned

    rng = np.random.default_rng(0)
    base = rng.standard_normal((20, 384)).astype(np.float32)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    made = turned(base, 500, rng)
    assert made.dtype == np.dtype("<f4") and np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    nearest = (made @ base.T).max(axis=1)
    assert 0.85 < (nearest > 0.45).mean() <= 1 and nearest.max() < 0.96


def test_recall_is_the_share_of_searches_that_found_the_nearest() -> None:
    np = pytest.importorskip("numpy")
    from benchkit.caches.inside import recall_of

    def packed(*values: float) -> bytes:
        return bytes(np.array(values, "<f4").tobytes())

    stored = [(7, packed(1, 0)), (8, packed(0, 1))]
    assert recall_of([(packed(0.9, 0.1), {7}), (packed(0.1, 0.9), {7})], stored) == 0.5


def test_a_ticket_is_the_serial_number_or_stands_for_the_body() -> None:
    assert payload.ticket_for(b"... ticket-000000000042 ...") == b"000000000042"
    one, other = payload.ticket_for(b"one"), payload.ticket_for(b"other")
    assert len(one) == len(other) == payload.SERIAL_DIGITS and one != other


def test_the_load_can_repeat_and_can_stop_early() -> None:
    repeated = Run(Spec(1, 1.0, repeat=True, first_serial=5))
    assert repeated.serial == 5 and repeated.last == sys.maxsize
    few = Run(Spec(1, 1.0, first_serial=5, most=3))
    assert (few.serial, few.last) == (4, 7)
    body = b"".join(payload.request_parts(0, "key", temperature=0)).partition(b"\r\n\r\n")[2]
    assert orjson.loads(body)["temperature"] == 0


def test_the_last_word_of_a_program_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b'{"share":0.1}\n{"share":0.5}\na warning\n{"result":{"a":1}}\n')
    assert scratch.last(log, "share") == 0.5
    assert scratch.last(log, "result") == {"a": 1}
    assert scratch.last(log, "else") is None


def test_an_answer_is_read_whole_however_it_comes() -> None:
    body = orjson.dumps({"choices": [{"message": {"content": "yes"}}]})
    head = b"HTTP/1.1 200 OK\r\nX-Tailrace-Cache: semantic;score=0.97\r\nContent-Length: %d\r\n\r\n" % len(body)
    with create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while not connection.recv(65536).endswith(b"?"):
                    continue
                for piece in (head[:20], head[20:] + body[:5], body[5:]):
                    connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        asker = Asker(server.getsockname()[1], "key")
        found = asker.ask(b"what?")
        with pytest.raises(OSError):
            asker.ask(b"and now?")
        asker.close()
        thread.join(5)
    assert (found.status, found.cache, found.text) == (200, "semantic", "yes")
    assert found.ms > 0


def test_heads_are_read() -> None:
    assert read_head(b"HTTP/1.1 404 Not Found\r\nAge: 3") == (404, {"age": "3"})


def test_verdicts_take_the_worse_of_two_growths_and_the_share_of_litellm() -> None:
    book = Book()
    for name, value in {
        "tailrace whole p50": 0.2, "litellm whole p50": 5.0, "reading rss before": 100, "reading rss after": 400,
        "building rss before": 100, "building rss after": 800, "miss tailrace whole p50": 0.5, "miss off whole p50": 0.4,
    }.items():  # fmt: skip
        book.write(name, value)
    said = {line.target: line for line in table.verdicts(book, 100_000)}
    assert said["exact hit, whole, p50"].reached and said["exact hit, whole, of LiteLLM's"].reached
    assert said["RSS growth by the semantic index at 100,000 entries"].reached is False
    assert said["exact cache, added to a miss, whole"].reached
    assert said["semantic hit at 100,000 entries, p50"].reached is None
    assert ["whole answer, 1 connection, p50 ms", "0.2", "5", "4%"] in table.hit_cells(book)


def test_every_figure_in_a_table_has_a_place() -> None:
    book = Book()
    assert len(table.hit_cells(book)) == len(table.HITS)
    assert len(table.miss_cells(book)) == len(table.MISSES)
    book.write("endless rss 1000", 80.0)
    assert table.store_cells(book)[-1] == ["exact cache after 1,000 distinct requests, RSS MB", report.number(80.0)]
