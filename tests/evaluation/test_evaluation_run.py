"""The machinery of an evaluation: predictions, restart, hosts, intervals, files."""

import json
import threading

import numpy as np
import pytest
from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation import run
from vsdpo_jax.evaluation.bootstrap import intervals, means
from vsdpo_jax.evaluation.gallery import render
from vsdpo_jax.evaluation.predictions import read_predictions
from vsdpo_jax.evaluation.registry import open_benchmark
from vsdpo_jax.evaluation.store import Store
from vsdpo_jax.evaluation.types import Column, Example, ExampleScore, Prediction, Workshop


class Lengths:
    """A benchmark that renders nothing: the score is the share of `x` in the answer."""

    name = "lengths"
    columns = (Column("exec", "Exec"), Column("share", "Share"), Column("judge", "Judge"))

    def __init__(self):
        self.scored = []

    def score(self, example, prediction, workshop):
        self.scored.append(prediction.id)
        if prediction.text == "stop":
            raise KeyboardInterrupt
        text = prediction.text or ""
        share = text.count("x") / len(text) if text else 0.0
        image = np.full((20, 30, 3), 200, np.uint8)
        return ExampleScore(
            prediction.id, example.id, bool(text), {"share": share, "judge": None}, images={"prediction": image}
        )

    def row(self, score):
        return {"exec": float(score.executed), **score.columns}

    def total(self, means):
        return dict(means)

    def notes(self, scores):
        return []


def examples(count=6):
    return tuple(Example(f"e{i}", "chart", "draw", None, f"reference {i}") for i in range(count))


def predictions(count=6):
    return [Prediction(f"e{i}", f"e{i}", "x" * i + "y", is_code=True) for i in range(count)]


@pytest.fixture
def store(tmp_path):
    return Store(epath.Path(tmp_path), "setting")


def score_all(benchmark, given, store, **options):
    run.score_all(benchmark, examples(), given, Workshop(None), store, threads=2, **options)


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(store):
    benchmark = Lengths()
    broken = [*predictions()[:3], Prediction("e3", "e3", "stop"), *predictions()[4:]]
    with pytest.raises(KeyboardInterrupt):
        score_all(benchmark, broken, store)
    done = len(store.finished())
    assert done >= 3
    assert run.gather(benchmark, examples(), predictions(), store) == 6 - done
    again = Lengths()
    score_all(again, predictions(), store)
    assert len(again.scored) == 6 - done
    assert "e0" not in again.scored
    outcome = run.gather(again, examples(), predictions(), store)
    assert [score.id for score in outcome.scores] == [f"e{i}" for i in range(6)]


def test_results_belong_to_their_inputs(store, tmp_path):
    benchmark = Lengths()
    score_all(benchmark, predictions(), store)
    changed = [*predictions()[:5], Prediction("e5", "e5", "xx", is_code=True)]
    again = Lengths()
    score_all(again, changed, store)
    assert again.scored == ["e5"]
    other = Lengths()
    score_all(other, predictions(), Store(epath.Path(tmp_path), "another setting"))
    assert len(other.scored) == 6


def test_hosts_share_the_work_and_the_last_one_finds_everything(store):
    parts = [run.Share(index, 3).of(predictions()) for index in range(3)]
    assert sorted(p.id for part in parts for p in part) == [p.id for p in predictions()]
    benchmark = Lengths()
    for index, part in enumerate(parts):
        score_all(benchmark, part, store)
        outcome = run.gather(benchmark, examples(), predictions(), store)
        assert (outcome == 4 - 2 * index) if index < 2 else isinstance(outcome, run.Outcome)


def test_references_are_made_once_even_by_many_threads():
    workshop, made = Workshop(None), []
    barrier = threading.Barrier(4)

    def ask():
        barrier.wait()
        workshop.once("traces", "same", lambda: made.append(1) or "value")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    assert workshop.once("traces", "same", lambda: "other") == "value"
    assert workshop.once("blocks", "same", lambda: "other") == "other"


def test_scores_json_and_table(store):
    benchmark = Lengths()
    given = [*predictions()[:5], Prediction("extra", "e0", None)]
    score_all(benchmark, given, store)
    outcome = run.gather(benchmark, examples(), given, store)
    found = run.scores_json(outcome, detail=False, facts={"benchmark": "lengths"})
    assert found["total"]["count"] == 6
    assert found["examples"]["e1"] == {"exec": True, "share": 0.5, "judge": None}
    assert found["examples"]["extra"] == {"exec": False, "share": 0.0, "judge": None, "reference": "e0"}
    # A column that was not measured is missing, not zero.
    assert (found["total"]["judge"], found["interval"]["judge"]) == (None, None)
    assert found["total"]["exec"] == pytest.approx(5 / 6)
    assert "detail" in run.scores_json(outcome, detail=True, facts={})["examples"]["e1"]
    json.dumps(found, allow_nan=False)
    lines = run.table(benchmark, outcome).splitlines()
    assert lines[0].split() == ["Exec", "Share", "Judge"]
    assert lines[1].split()[0::2] == ["83.3", "–"]


def test_means_of_incomplete_columns_are_missing():
    assert means([{"a": 1.0, "b": None}, {"a": 0.0, "b": 1.0}]) == {"a": 0.5, "b": None}


def test_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(60):
        rows = [{"a": float(value)} for value in rng.random(40) < 0.5]
        low, high = intervals(rows, list(map(str, range(40))), dict, resamples=200, seed=trial)["a"]
        hits += low <= 0.5 <= high
    # 57 of 60 expected; below 51 has a chance under one in a thousand.
    assert hits >= 51


def test_predictions_of_one_reference_are_not_independent():
    rows = [{"a": float(i // 10 % 2)} for i in range(100)]
    grouped = intervals(rows, [str(i // 10) for i in range(100)], dict)["a"]
    single = intervals(rows, list(map(str, range(100))), dict)["a"]
    assert grouped[1] - grouped[0] > 2 * (single[1] - single[0])


def write(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text)


def test_predictions_by_name(tmp_path):
    write(
        tmp_path,
        {"e0.py": "code", "e0.md": "never", "e1.md": "```python\nx```", "e2.py": "```python\ny```", "z.py": ""},
    )
    found = read_predictions(epath.Path(tmp_path), examples(4))
    assert [(p.id, p.text, p.is_code) for p in found] == [
        ("e0", "code", True),
        ("e1", "```python\nx```", False),
        # A fence means a response, whatever the file is called.
        ("e2", "```python\ny```", False),
        ("e3", None, False),
    ]


def test_pairs_let_one_reference_serve_several_predictions(tmp_path):
    pairs = {"first": "e1", "second.py": "e1.py"}
    write(tmp_path, {"first.md": "a", "second.py": "b", "pairs.json": json.dumps(pairs)})
    found = read_predictions(epath.Path(tmp_path), examples())
    assert [(p.id, p.reference_id, p.text) for p in found] == [("first", "e1", "a"), ("second", "e1", "b")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no prediction: expected files such as e0.py or e0.md"),
        ({"pairs.json": "{"}, "is not JSON"),
        ({"pairs.json": "[]"}, "must be an object"),
        ({"pairs.json": '{"a": "nobody"}'}, "'a' is paired with 'nobody', which is no example"),
    ],
)
def test_broken_predictions_are_one_line(tmp_path, files, message):
    write(tmp_path, files)
    with pytest.raises(UserError, match=message):
        read_predictions(epath.Path(tmp_path), examples())


def test_unknown_benchmarks_and_options_are_named():
    with pytest.raises(UserError, match="benchmark 'chess' is unknown: choose from chartmimic"):
        open_benchmark("chess", {})
    with pytest.raises(UserError, match="chartmimic has no option 'taks': it has task, split"):
        open_benchmark("chartmimic", {"taks": "direct"})


def test_gallery_shows_what_models_wrote_as_text(store):
    benchmark = Lengths()
    evil = ExampleScore(
        "<script>alert(1)</script>",
        "e0",
        False,
        {"share": 0.5, "judge": None},
        {"share": {"precision": 1, "recall": 0}},
        defects=({"kind": "overlap", "message": "<b>x</b>", "lines": [[3, 4]], "box": None},),
        error="<i>boom</i>",
    )
    outcome = run.Outcome((evil,), ("key",), {"exec": 0.0, "share": 0.5, "judge": None}, {"exec": (0.0, 0.0)})
    page = render(benchmark, outcome, store, ["a <note>"])
    assert "<script" not in page
    assert "&lt;i&gt;boom&lt;/i&gt;" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "not measured" in page
    assert "no picture" in page


def test_a_failure_stops_the_work_before_the_last_answer_is_made(store):
    class Refusing(Lengths):
        def score(self, example, prediction, workshop):
            raise UserError("the judge refuses")

    made = []

    def answers():
        for prediction in predictions():
            made.append(prediction.id)
            yield prediction
            while not pool_is_idle():
                pass

    def pool_is_idle():
        names = [thread.name for thread in threading.enumerate() if thread.name.startswith("score")]
        return not names or len(failed) >= len(made)

    failed = []
    benchmark = Refusing()
    original = benchmark.score

    def score(*arguments):
        failed.append(1)
        return original(*arguments)

    benchmark.score = score
    with pytest.raises(UserError, match="refuses"):
        run.score_all(benchmark, examples(), answers(), None, store, threads=1)
    assert len(made) < 6
