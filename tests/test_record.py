"""Rollouts survive being written and read; damage is named, never guessed around."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from etils import epath

from vsdpo_jax import record
from vsdpo_jax.types import Credit, Defect, Element, Prompt, RenderError, Reward, Rollout, Scene, Statement

STATEMENT = Statement(4, 12, 1, 2)
ELEMENTS = (
    Element("title", (1.5, 2.0, 30.25, 4.0), "Rain </script>", (0.0, 0.0, 30.0, 20.0), (0.0, 0.5, 1.0), (1.0, 1.0, 1.0),
            11.5, 3.0, (STATEMENT,), "axes0", ((1.0, 2.0, 3.0, 4.0),), (("color", STATEMENT),), (40.0, 20.0)),
    Element("bar", (0.0, 0.0, 1.0, 1.0)),
)  # fmt: skip


def make(prompt_id="chart/heldout/000000", seed=0, error=None, target=True, advantage=-0.25, divergence=True):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (20, 30, 3), np.uint8)
    prompt = Prompt(prompt_id, "chart", "Draw it.", (np.full((8, 9, 3), 7, np.uint8),) if target else ())
    text = "ax.bar(x, ü)</script>\n\ud83d"
    spans = np.array([[0, 3], [3, 10], [10, len(text)], [len(text)] * 2], np.int32)
    rollout = Rollout(prompt_id, np.arange(4), np.zeros(4), text, spans, text[3:], 3, seed % 2 == 1)
    elements = () if error else ELEMENTS
    size = (0, 0) if error else (30, 20)
    scene = Scene(text[3:], "chart", None if error else picture, *size, elements=elements, error=error)
    defect = Defect("overlap", "two bars overlap", ((1.5, 2.0, 30.25, 4.0),), (3, 4), (STATEMENT,), 0.0)
    credit = Credit(((STATEMENT, 1.0),), np.array([1, 2.5, 1.75, 1], np.float32))
    reward = Reward(0.625, 1.0, 0.625, {"text": 0.5})
    kl = np.array([0.125, np.nan, 3.0, 0.0], np.float32) if divergence else None
    return record.RolloutRecord.build(prompt, rollout, scene, (defect,), credit, reward, advantage, kl)


def assert_same(read, written):
    for field in dataclasses.fields(record.RolloutRecord):
        one, other = getattr(read, field.name), getattr(written, field.name)
        if isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other, err_msg=field.name)
            assert one.dtype == other.dtype, field.name
        else:
            assert one == other, field.name


def test_what_is_read_is_what_was_written(tmp_path):
    error = RenderError("python-error", "NameError: x", "Traceback …", STATEMENT)
    written = [make(), make(seed=1, error=error, advantage=None, divergence=False), make("other", 2, target=False)]
    path = record.write_records(tmp_path, "step_000123", written)
    assert path == epath.Path(tmp_path) / "rollouts" / "step_000123.jsonl"
    for one, other in zip(record.read_records(path), written, strict=True):
        assert_same(one, other)


def test_a_rollout_without_render_has_no_picture_and_a_prompt_has_one_target(tmp_path):
    failed = make(error=RenderError("timeout", "ran for 10 s"))
    record.write_records(tmp_path, "before", [make(), failed, make("other"), make()])
    names = sorted(path.name for path in (tmp_path / "rollouts" / "before").iterdir())
    assert names == ["000.png", "002.png", "003.png", "target_000.png", "target_001.png"]


def test_the_reference_render_is_the_target_before_the_image_of_the_prompt():
    reference = Scene("code", "web", np.full((4, 5, 3), 200, np.uint8), 5, 4)
    prompt = Prompt("id", "web", "text", (np.zeros((2, 2, 3), np.uint8),), reference_scene=reference)
    assert record.target_of(prompt) is reference.image
    assert record.target_of(dataclasses.replace(prompt, reference_scene=None)) is prompt.images[0]
    assert record.target_of(Prompt("id", "pptx", "text")) is None


def test_writing_again_replaces_everything_of_that_name(tmp_path):
    record.write_records(tmp_path, "after", [make(), make("other", 1), make("third", 2)])
    path = record.write_records(tmp_path, "after", [make("third", 5)])
    (only,) = record.read_records(path)
    assert_same(only, make("third", 5))
    assert sorted(one.name for one in (tmp_path / "rollouts" / "after").iterdir()) == ["000.png", "target_000.png"]


def test_an_interrupted_write_leaves_no_jsonl_behind(tmp_path, monkeypatch):
    path = record.write_records(tmp_path, "before", [make()])

    def full_disk(self, content):
        raise OSError("no space left on device")

    monkeypatch.setattr(type(path), "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space"):
        record.write_records(tmp_path, "before", [make(seed=3)])
    assert not path.exists()


@pytest.mark.parametrize("name", ["Before", "step_12", "step_000001.jsonl", "../before", "step_000001/x", ""])
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="is no name of a record"):
        record.write_records(tmp_path, name, [])


@pytest.mark.parametrize("short", ["weights", "divergence"])
def test_an_array_that_does_not_match_the_tokens_is_refused(short):
    prompt, spans = Prompt("id", "chart", "text"), np.zeros((3, 2), np.int32)
    rollout = Rollout("id", np.arange(3), np.zeros(3), "", spans, "", 0, False)
    weights, divergence = (np.ones(2), None) if short == "weights" else (np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match=f"{short} has shape"):
        record.RolloutRecord.build(
            prompt, rollout, Scene("", "chart"), (), Credit((), weights), Reward(0, 0, 0), 0.0, divergence
        )


def test_a_cut_last_line_is_left_out_and_noted(tmp_path):
    path = record.write_records(tmp_path, "before", [make(), make("other")])
    path.write_bytes(path.read_bytes()[:-40])
    notes = []
    (only,) = record.read_records(path, notes.append)
    assert only.prompt_id == make().prompt_id
    assert len(notes) == 1 and "before.jsonl:2" in notes[0] and "incomplete" in notes[0]


def _changed(path, **changes):
    row = json.loads(path.read_text().splitlines()[0]) | changes
    path.write_text(json.dumps({key: value for key, value in row.items() if value != "drop"}) + "\n")


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"code": "drop"}, "'code' is missing"),
        ({"code": 7}, "'code' is not a text"),
        ({"weights": [1.0]}, "'weights' has 1 values for 4 tokens"),
        ({"spans": [[1, 2, 3]]}, "reshape"),
        ({"defects": [{"kind": "overlap"}]}, "is missing"),
        ({"defects": 3}, "iterable"),
        ({"error": {"status": "died", "message": "", "traceback": "", "statement": {"start": "a"}}}, "invalid literal"),
        ({"image_file": "../../secret.png"}, "is not the name of a picture"),
        ({"image_file": "077.png"}, "077.png"),
        ({"parts": None}, "items"),
    ],
)
def test_damage_is_named_with_file_and_line(tmp_path, changes, reason):
    path = record.write_records(tmp_path, "before", [make()])
    _changed(path, **changes)
    with pytest.raises(record.RecordError, match=reason) as caught:
        record.read_records(path)
    assert "before.jsonl:1: " in str(caught.value)


def test_a_damaged_line_in_the_middle_is_no_interrupted_copy(tmp_path):
    path = record.write_records(tmp_path, "before", [make(), make("other")])
    path.write_text("{broken\n" + path.read_text())
    with pytest.raises(record.RecordError, match="before.jsonl:1: not a JSON object"):
        record.read_records(path)


def test_a_damaged_picture_is_named(tmp_path):
    path = record.write_records(tmp_path, "before", [make()])
    (tmp_path / "rollouts" / "before" / "000.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(record.RecordError, match="before.jsonl:1: "):
        record.read_records(path)


def test_neither_record_nor_report_imports_jax():
    code = "import sys, vsdpo_jax.record, vsdpo_jax.report; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
