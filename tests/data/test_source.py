"""Streams over any source, and the chart source with its real renders."""

import contextlib
import dataclasses
import types

import numpy as np
import pytest

from vsdpo_jax.batches import TargetBatches
from vsdpo_jax.data import source as source_module
from vsdpo_jax.data.registry import target_source
from vsdpo_jax.data.source import Stream, TaskSource
from vsdpo_jax.data.tasks.chart import CHART
from vsdpo_jax.data.tasks.domain import Tasks
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.flags import load_config
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Prompt


class Numbers:
    """A source whose prompt i has the id i."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return Prompt(str(index), "chart", "")

    def fetch(self, indices):
        return [self[index] for index in indices]


def _ids(prompts):
    return [int(prompt.id) for prompt in prompts]


@pytest.fixture(scope="module")
def farm():
    with RenderFarm(workers=1) as farm:
        yield farm


def test_an_epoch_visits_every_prompt_once_and_the_next_in_another_order():
    stream = Stream(Numbers(10), seed=3)
    first, second = _ids(stream.take(10)), _ids(stream.take(10))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_the_order_depends_on_the_seed():
    assert _ids(Stream(Numbers(50), 0).take(50)) == _ids(Stream(Numbers(50), 0).take(50))
    assert _ids(Stream(Numbers(50), 0).take(50)) != _ids(Stream(Numbers(50), 1).take(50))


def test_a_cursor_goes_on_where_another_stream_stopped():
    whole = _ids(Stream(Numbers(7), 5).take(20))
    stream = Stream(Numbers(7), 5)
    head = _ids(stream.take(9))
    assert head + _ids(Stream(Numbers(7), 5, cursor=stream.cursor).take(11)) == whole


def test_shards_divide_what_one_host_would_read():
    whole = _ids(Stream(Numbers(30), 2).take(12))
    shards = [Stream(Numbers(30), 2, shard=shard, shards=3) for shard in range(3)]
    read = [_ids(shard.take(4)) for shard in shards]
    assert read[0] + read[1] + read[2] == whole
    assert [shard.cursor for shard in shards] == [12, 12, 12]


def test_impossible_streams_are_refused():
    with pytest.raises(ValueError, match="shard 2 of 2"):
        Stream(Numbers(3), 0, shard=2, shards=2)
    with pytest.raises(ValueError, match="empty"):
        Stream(Numbers(0), 0)


def test_chart_prompts_show_a_clean_reference(farm):
    source = TaskSource(CHART, "heldout", farm, size=6)
    prompts = source.fetch([4, 1, 4])
    assert [prompt.id for prompt in prompts] == ["chart/heldout/000004", "chart/heldout/000001", "chart/heldout/000004"]
    for prompt in prompts:
        assert prompt.images[0].shape == (240, 320, 3)
        assert prompt.images[0].std() > 10  # something is drawn
        assert prompt.reference == prompt.reference_scene.source
        assert not [defect for defect in detect(prompt.reference_scene) if defect.severity > 0]
    assert source[1] is prompts[1]  # from the cache


def test_a_task_whose_reference_fails_is_drawn_again(farm, monkeypatch):
    tasks = Tasks(CHART, "train")
    original = Tasks.variant

    def first_draw_fails(self, index, attempt):
        task = original(self, index, attempt)
        failing = dataclasses.replace(task.decisions, failures=(("figure", "misspelt function"),))
        return dataclasses.replace(task, decisions=failing) if attempt == 0 else task

    monkeypatch.setattr(Tasks, "variant", first_draw_fails)
    [(task, scene)] = source_module.clean_tasks(tasks, [3], farm, 320)
    assert scene.error is None
    assert task == original(tasks, 3, 1)


def test_a_renderer_that_always_fails_is_reported(farm, monkeypatch):
    original = Tasks.variant

    def every_draw_fails(self, index, attempt):
        task = original(self, index, attempt)
        failing = dataclasses.replace(task.decisions, failures=(("figure", "misspelt function"),))
        return dataclasses.replace(task, decisions=failing)

    monkeypatch.setattr(Tasks, "variant", every_draw_fails)
    monkeypatch.setattr(source_module, "ATTEMPTS", 2)
    with pytest.raises(RuntimeError, match="AttributeError"):
        source_module.clean_tasks(Tasks(CHART, "train"), [3], farm, 320)


def test_supervised_training_reads_the_prompts_of_reinforcement_learning_in_its_order(farm):
    config = load_config("configs/tiny.py:method=sft,seed=3")
    config.batch.prompts = 4
    targets, packed = target_source(config, farm), []

    def pack_targets(groups, *_):
        packed.append(groups)
        return types.SimpleNamespace(distil_ng=np.zeros((4, 1), bool))

    with contextlib.closing(TargetBatches(types.SimpleNamespace(pack_targets=pack_targets), targets, config, 0)) as one:
        one(None, None, 0)
        one(None, None, 1)
    prompts = Stream(TaskSource(CHART, "train", farm, max_side=320), seed=3).take(8)
    taken = [group for groups in packed[:2] for group in groups]
    assert [group.prompt.id for group in taken] == [prompt.id for prompt in prompts]
    assert [group.targets for group in taken] == [(prompt.reference,) for prompt in prompts]
