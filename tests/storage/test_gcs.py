"""A workdir on `gs://`: what a run writes is there, and stays there when requests fail."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from tests.sample_rollouts import image
from vsdpo_jax import storage
from vsdpo_jax.checkpoint import WorkdirError, claim_workdir
from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.store import Store
from vsdpo_jax.evaluation.types import ExampleScore
from vsdpo_jax.metrics import MetricsWriter
from vsdpo_jax.profiling import Profiler
from vsdpo_jax.record import RolloutRecord, read_records, write_records
from vsdpo_jax.report import write_report
from vsdpo_jax.types import Credit, Prompt, Reward, Rollout, Scene


def test_files_come_back_as_they_were_written(gcs):
    folder = gcs.folder()
    for content in (b"", b"\r\n--x\n", np.random.default_rng(0).bytes(700_000)):
        storage.write_whole(folder / "a" / "file", content)
        assert storage.read_bytes(folder / "a" / "file") == content
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(folder / "missing")


def test_large_local_files_are_uploaded_in_parts(gcs, tmp_path):
    content = np.random.default_rng(1).bytes(11 << 20)
    (tmp_path / "made").write_bytes(content)
    place = gcs.folder() / "shard"
    storage.copy_in(tmp_path / "made", place)
    assert not (tmp_path / "made").exists()
    assert storage.read_bytes(place) == content


def test_metrics_grow_line_by_line_and_resume(gcs):
    folder = gcs.folder()
    with MetricsWriter(folder) as writer:
        for step in (1, 2, 3):
            writer.write(step, {"reward": step / 10})
            # Opening for append would have left one line.
            assert len((folder / "metrics.jsonl").read_text().splitlines()) == step
    with MetricsWriter(folder, resume_step=2) as writer:
        assert [row["step"] for row in writer.rows] == [1, 2]
        writer.write(3, {"reward": 0.5})
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["reward"]) for row in rows] == [(1, 0.1), (2, 0.2), (3, 0.5)]
    events = [path.name for path in (folder / "tensorboard").iterdir()]
    assert len(events) == 2 and all(name.startswith("events.out") for name in events)
    assert all((folder / "tensorboard" / name).stat().length > 100 for name in events)


def test_a_workdir_is_claimed_once(gcs):
    folder = gcs.folder()
    claim_workdir(folder, {"seed": 1, "steps": 5})
    claim_workdir(folder, {"seed": 1, "steps": 9})
    with pytest.raises(WorkdirError, match="seed"):
        claim_workdir(folder, {"seed": 2, "steps": 5})


def test_a_request_that_fails_for_a_moment_is_repeated_by_the_client(gcs):
    folder = gcs.folder()
    gcs.fail(1, 503)
    storage.write_whole(folder / "file", "content")
    assert (folder / "file").read_text() == "content"


@pytest.mark.parametrize("status", [409, 418])
def test_a_longer_failure_is_waited_out(gcs, status):
    """The client gives up at once on these, so the attempts are ours."""
    folder = gcs.folder()
    lines = storage.LineFile(folder / "lines", "1\n")
    gcs.fail(3, status)
    lines.append("2")
    assert (folder / "lines").read_text() == "1\n2\n"


def test_a_failure_that_stays_is_one_line_and_nothing_written_is_lost(gcs):
    folder = gcs.folder()
    lines = storage.LineFile(folder / "lines", "1\n")
    lines.append("2")
    gcs.fail(1000, 418)
    with pytest.raises(UserError, match=r"gs://bucket/.*/lines cannot be written: .*run the same command") as caught:
        lines.append("3")
    assert "\n" not in str(caught.value)
    gcs.fail(0)
    assert (folder / "lines").read_text() == "1\n2\n"


def test_missing_permission_is_said_at_once(gcs, monkeypatch):
    monkeypatch.setattr(storage, "PAUSES", (1000.0,))
    gcs.fail(1000, 403)
    with pytest.raises(UserError, match="Forbidden.*permissions"):
        storage.write_whole(gcs.folder() / "file", "content")


def _record(seed):
    rollout = Rollout("p", np.zeros(2), np.zeros(2), "ab", np.array([[0, 1], [1, 2]]), "ab", 0, False)
    prompt = Prompt("p", "chart", "draw", (image(9),))
    scene = Scene("ab", "chart", None if seed == 2 else image(seed))
    return RolloutRecord.build(prompt, rollout, scene, (), Credit((), np.ones(2)), Reward(0.5, 1.0, 0.5))


def test_rollouts_and_the_report_are_written_and_read(gcs):
    folder = gcs.folder()
    write_records(folder, "before", [_record(2)])
    write_records(folder, "before", [_record(0), _record(1)])
    read = read_records(folder / "rollouts" / "before.jsonl")
    assert [record.image.tolist() for record in read] == [image(0).tolist(), image(1).tolist()]
    write_records(folder, "before", [_record(1)])
    names = sorted(path.name for path in (folder / "rollouts" / "before").iterdir())
    assert names == ["000.png", "target_000.png"]
    with MetricsWriter(folder) as writer:
        writer.write(1, {"reward": 0.5, "eval/reward": 0.5})
    page = write_report(folder)
    assert str(page) == f"{folder}/report.html"
    assert "<h1>" in page.read_text()


def test_finished_examples_of_an_evaluation_are_kept(gcs):
    store = Store(gcs.folder(), "setting")
    assert store.finished() == set()
    store.write("k", ExampleScore("a", "a", True, {"text": 0.5}, images={"prediction": image(0)}))
    assert store.finished() == {"k"}
    assert store.read("k").columns == {"text": 0.5}
    assert store.picture("k", "prediction").shape == image(0).shape


def test_traces_of_steps_arrive(gcs):
    folder = gcs.folder()
    profiler = Profiler("2", folder)
    for number in (1, 2, 3):
        with profiler.step(number):
            jnp.ones(8).sum().block_until_ready()
    traces = list((folder / "profile" / "plugins" / "profile").glob("*/*"))
    assert any(path.name.endswith(".xplane.pb") and path.stat().length > 100 for path in traces)
