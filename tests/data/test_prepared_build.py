"""Published files to prompts: what is kept, what is dropped and why, stopping and going on."""

import json

import numpy as np
import pytest

from tests.data import prepared_files as files
from vsdpo_jax import prepare_data
from vsdpo_jax.data.prepared import builder, checks
from vsdpo_jax.data.prepared import source as source_module
from vsdpo_jax.data.prepared.builder import PreparedSet, find_prepared
from vsdpo_jax.data.prepared.checks import Limits
from vsdpo_jax.data.prepared.sets import configure
from vsdpo_jax.data.prepared.source import PreparedRecords, PreparedSource, PreparedTargets
from vsdpo_jax.data.source import Stream
from vsdpo_jax.errors import UserError
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import RenderError, Scene

UNCHECKED = Limits(execute=False, heldout=0.2)


@pytest.fixture(scope="module")
def farm():
    with RenderFarm(workers=1) as farm:
        yield farm


@pytest.fixture(scope="module")
def charts(tmp_path_factory, farm):
    """A prepared Chart2Code: its folder and its counts."""
    folder = tmp_path_factory.mktemp("charts")
    files.write_chart2code(folder / "source", 12, broken=(3, 8), unpictured=(5,))
    made = PreparedSet(configure("chart2code", {}), folder / "out", folder / "source", Limits(heldout=0.2), rows=5)
    return made.folder, made.prepare(farm)


def _websight(folder, **changes):
    settings = {"rows": 4} | changes
    return PreparedSet(configure("websight", {}), folder / "out", folder / "source", UNCHECKED, **settings)


def _ids(path, split):
    records = PreparedRecords(path, split)
    return [record["id"] for record in records.read(range(len(records)))]


def test_programs_that_do_not_run_and_rows_without_picture_are_counted(charts):
    folder, counts = charts
    assert counts["dropped"] == {"python-error": 2, "no_image": 1}
    assert counts["rows"] == 12 and counts["train"] + counts["heldout"] == 9
    assert counts["train"] and counts["heldout"]
    assert json.loads((folder / "counts.json").read_text()) == counts
    kept = sorted(_ids(folder, "train") + _ids(folder, "heldout"), key=lambda name: int(name[1:]))
    assert kept == [f"c{number}" for number in range(12) if number not in (3, 5, 8)]


def test_the_folder_is_a_tfds_data_set(charts):
    import sys

    import tensorflow_datasets as tfds

    made = tfds.builder_from_directory(str(charts[0]))
    example = made.as_data_source("train")[0]
    assert made.name == "chart2code" and made.info.splits["train"].num_examples == charts[1]["train"]
    assert made.info.splits["train"].num_shards == 3
    assert example["images"][0].shape == (40, 60, 3) and example["kind"] == b"chart"
    assert "tensorflow" not in sys.modules


def test_prompts_show_the_published_picture_and_are_compared_with_the_rendered_code(charts, farm):
    source = PreparedSource(charts[0], "train", farm, max_side=200)
    prompts = source.fetch([1, 0, 1])
    assert prompts[0] is prompts[2] and source[1] is prompts[0]
    for prompt in prompts[:2]:
        number = int(prompt.id.removeprefix("chart2code/train/c"))
        assert prompt.text == "Redraw this chart." and prompt.kind == "chart"
        assert prompt.reference == files.chart(number) == prompt.reference_scene.source
        assert max(prompt.reference_scene.width, prompt.reference_scene.height) == 200
        color = np.random.default_rng(number).integers(0, 256, 3, np.uint8)
        assert (prompt.images[0] == color).all()


def test_hosts_read_disjoint_prompts_and_a_cursor_goes_on(charts, farm):
    source = PreparedSource(charts[0], "train", farm, max_side=100)
    whole = [prompt.id for prompt in Stream(source, 1).take(6)]
    first, second = (Stream(source, 1, shard=shard, shards=2) for shard in (0, 1))
    assert [prompt.id for prompt in first.take(3) + second.take(3)] == whole
    assert [prompt.id for prompt in Stream(source, 1, cursor=4).take(2)] == whole[4:]


class Broken:
    """A farm in which some programs do not run any more."""

    def __init__(self, broken):
        self.broken, self.asked = broken, 0

    def submit(self, code, kind, *, max_side=None):
        from concurrent.futures import Future

        self.asked += 1
        future = Future()
        error = RenderError("timeout", "too slow") if self.broken(code) else None
        future.set_result(Scene(code, kind, np.zeros((2, 2, 3), np.uint8), error=error))
        return future


def test_a_reference_that_does_not_run_any_more_gives_way_to_the_next(charts):
    ids = _ids(charts[0], "train")
    first = f"Chart {ids[0][1:]}'"
    source = PreparedSource(charts[0], "train", Broken(lambda code: first in code))
    assert [prompt.id.rpartition("/")[2] for prompt in source.fetch([0, 1, 2])] == [ids[1], ids[1], ids[2]]
    broken = Broken(lambda code: True)
    with pytest.raises(UserError, match=r"references of chart2code in a row do not run"):
        PreparedSource(charts[0], "train", broken).fetch([0])
    assert broken.asked == source_module.ATTEMPTS * source_module._TRIES


def test_targets_are_the_code_in_a_fence(charts):
    targets = PreparedTargets(charts[0], "train", 3)
    group = targets[0]
    number = int(group.prompt.id.rpartition("c")[2])
    assert group.targets == (f"```python\n{files.chart(number)}\n```",) * 3
    assert len(targets) == charts[1]["train"] and group.feedback == ("", "", "") and group.prompt.images


def test_a_stopped_preparation_goes_on_and_gives_the_same_files(tmp_path, monkeypatch):
    files.write_websight(tmp_path / "source", 10, 2)
    files.write_websight(tmp_path / "whole" / "source", 10, 2)
    counts = _websight(tmp_path / "whole").prepare(None)
    made, seen = [], []
    original = builder.check

    def fail_at_third(entries, *rest):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append([entry.id for entry in entries])
        return original(entries, *rest)

    monkeypatch.setattr(builder, "check", fail_at_third)
    monkeypatch.setattr(builder, "_THREADS", 1)
    with pytest.raises(KeyboardInterrupt):
        _websight(tmp_path).prepare(None)
    with pytest.raises(UserError, match="holds none of the prepared sets"):
        find_prepared(tmp_path / "out")
    monkeypatch.setattr(
        builder, "check", lambda entries, *rest: (seen.append(len(entries)), original(entries, *rest))[1]
    )
    assert _websight(tmp_path).prepare(None) == counts
    assert sum(seen) == 20 - sum(map(len, made))  # Nothing is done twice.
    for split in ("train", "heldout"):
        assert _ids(tmp_path / "out", split) == _ids(tmp_path / "whole" / "out", split)
    names = {path.name: path.read_bytes() for path in (tmp_path / "out/websight/1.0.0").iterdir() if path.is_file()}
    whole = (tmp_path / "whole/out/websight/1.0.0").iterdir()
    assert names == {path.name: path.read_bytes() for path in whole if path.is_file()}


def test_hosts_share_the_work_and_the_last_finishes(tmp_path):
    files.write_websight(tmp_path / "source", 10, 2)
    assert _websight(tmp_path).prepare(None, host=1, hosts=2) == 3
    counts = _websight(tmp_path).prepare(None, host=0, hosts=2)
    assert counts["rows"] == 20 and len(_ids(tmp_path / "out", "train")) == counts["train"]


def test_only_the_first_rows_are_taken_when_asked(tmp_path):
    files.write_websight(tmp_path / "source", 10, 2)
    counts = _websight(tmp_path, count=13).prepare(None)
    assert counts["rows"] == counts["train"] + counts["heldout"] == 13
    assert max(_ids(tmp_path / "out", "train")) == "00001-0000002"


def test_another_setting_or_source_is_refused(tmp_path):
    files.write_websight(tmp_path / "source", 10, 1)
    _websight(tmp_path).prepare(None)
    with pytest.raises(UserError, match=r"from other files or settings \(parts\)"):
        _websight(tmp_path, rows=5).prepare(None)
    files.write_websight(tmp_path / "source", 10, 2)
    with pytest.raises(UserError, match=r"files, listing"):
        _websight(tmp_path).prepare(None)


def test_the_side_of_a_task_depends_on_its_content_only(tmp_path):
    share = [checks._is_heldout(f"program {number}", 0.1) for number in range(4000)]
    assert 320 < sum(share) < 480
    assert not any(checks._is_heldout(f"program {number}", 0.0) for number in range(100))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "no_code"),
        ("x = 1\n" * 2000, "too_long"),
        ("plt.bar(", "syntax_error"),
        ("import matplotlib.pyplot as plt\nplt.figure(figsize=(900, 900)).text(0, 0, 'a')", "too-large"),
        ("print('no figure')", "no-result"),
        ("import matplotlib.pyplot as plt\nplt.figure()", "empty_render"),
    ],
)
def test_why_a_chart_is_dropped(code, reason, farm, tmp_path):
    from etils import epath

    from vsdpo_jax.data.prepared.pictures import Pictures
    from vsdpo_jax.data.prepared.sets import Entry

    entries = [Entry("a", "", code, files.picture(1)), Entry("b", "", files.chart(1), files.picture(1))]
    kept, dropped = checks.check(entries, configure("chart2code", {}), Limits(), Pictures(epath.Path(tmp_path)), farm)
    assert dropped == {reason: 1} and [task.id for task in kept] == ["b"]


def test_the_command_prepares_instructions_and_says_what_to_do_next(tmp_path, capsys, monkeypatch):
    (tmp_path / "source").mkdir()
    rows = [{"id": number, "instruction": f"A slide about river {number}." if number else ""} for number in range(8)]
    (tmp_path / "source" / "instructions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["prepare_data", "--dataset=aeslides", f"--source={tmp_path}/source", f"--out={tmp_path}/out"]
    monkeypatch.setattr("sys.argv", [*arguments, "--noexecute", "--heldout=0.3"])
    prepare_data.main()
    printed = capsys.readouterr().out
    assert "7 of 8 rows kept" in printed and "1  no_prompt" in printed
    assert f"--config.data.path={tmp_path}/out/aeslides/1.0.0" in printed
    prompt = PreparedSource(tmp_path / "out", "train", Broken(lambda code: True))[0]
    assert prompt.kind == "slide" and prompt.images == () and prompt.reference_scene is None
    with pytest.raises(UserError, match="instructions only"):
        PreparedTargets(tmp_path / "out", "train", 2)


def test_impossible_requests_are_one_line(tmp_path):
    base = ["--source=a", "--out=b"]
    for extra, message in (
        (["--dataset=x"], "choose from chart2code"),
        (["--dataset=generic", "--option=kind"], "must be NAME=VALUE"),
        (["--dataset=generic", "--host_index=2", "--host_count=2"], "from 0 to 1"),
        (["--dataset=generic", "--heldout=1"], "must be a share"),
    ):
        with pytest.raises(UserError, match=message):
            prepare_data.parse([*base, *extra])
    with pytest.raises(UserError, match="no split 'test'"):
        PreparedRecords(tmp_path, "test")


def test_a_config_names_a_prepared_set(charts, farm):
    from vsdpo_jax.data.registry import prompt_source, target_source
    from vsdpo_jax.flags import load_config

    config = load_config("configs/tiny.py")
    config.data.name = "prepared"
    with pytest.raises(UserError, match=r"config\.data\.path is empty"):
        prompt_source(config, "train", farm)
    config.data.path = str(charts[0])
    assert len(prompt_source(config, config.data.train_split, farm)) == charts[1]["train"]
    assert len(prompt_source(config, config.data.eval_split, farm)) == charts[1]["heldout"]
    assert len(target_source(config, farm)) == charts[1]["train"]


def test_what_does_not_fit_gives_way_to_the_next(charts, farm):
    ids = _ids(charts[0], "train")
    fits = [prompt_id not in ids[1:3] for prompt_id in ids]
    source = PreparedSource(charts[0], "train", farm, 100, lambda prompt: fits[ids.index(prompt.id.rpartition("/")[2])])
    assert [prompt.id.rpartition("/")[2] for prompt in source.fetch([0, 1, 2, 3])] == [ids[0], ids[3], ids[3], ids[3]]
    targets = PreparedTargets(
        charts[0], "train", 1, lambda prompt, response: prompt.id.endswith(ids[2]) and "```python" in response
    )
    assert [targets[index].prompt.id.rpartition("/")[2] for index in (0, 2, 5)] == [ids[2]] * 3
    with pytest.raises(UserError, match=r"in a row are too long: raise config\.lengths\.prefix$"):
        PreparedSource(charts[0], "train", farm, 100, lambda _: False).fetch([0])
    with pytest.raises(UserError, match=r"in a row are too long: raise config\.lengths\.prefix and response"):
        PreparedTargets(charts[0], "train", 1, lambda *_: False)[0]
    with pytest.raises(UserError, match=r"number 100 is asked for: lower config\.eval\.prompts"):
        source.fetch([0, 100])
