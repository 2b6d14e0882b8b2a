"""Rendering and grading go on while the next chunk is decoded, and what is logged about it is true."""

import functools
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vsdpo_jax.rollout.collect import Grading, collect
from vsdpo_jax.rollout.engine import all_ended
from vsdpo_jax.timing import covered, shared, union
from vsdpo_jax.types import Prompt, RenderError, Scene

PATIENCE = 60.0


class Lazy:
    """An array of a device that is still computing: reading it waits for `ready`."""

    is_fully_addressable = True

    def __init__(self, values, ready):
        self.values, self.ready = np.asarray(values), ready

    def __array__(self, dtype=None, copy=None):
        self.ready()
        return self.values


class Farm:
    """Renders on a thread of its own, and notes when."""

    def __init__(self):
        self.pool, self.spans = ThreadPoolExecutor(1), []
        self.rendered = threading.Semaphore(0)

    def submit(self, source, kind, max_side=None):
        submitted = time.perf_counter()

        def render():
            time.sleep(0.01)
            self.spans.append((submitted, time.perf_counter()))
            self.rendered.release()
            return Scene(source, kind, error=RenderError("python-error", "NameError: x"))

        return self.pool.submit(render)


class Device:
    """Its second chunk is decoded once the four renders of the first are done: without overlap that never happens."""

    def __init__(self, ids, farm):
        self.ids, self.farm, self.events = np.asarray(ids, np.int32), farm, []

    def draw(self, part, index):
        self.events.append(("asked", index))
        tokens = np.broadcast_to(self.ids, (len(part), 2, len(self.ids)))
        lengths = np.full((len(part), 2), len(self.ids))
        fields = {"tokens": tokens, "logp": np.zeros(tokens.shape, np.float32), "lengths": lengths}
        lazy = {n: Lazy(v, functools.partial(self._wait, index)) for n, v in fields.items()}
        return all_ended(types.SimpleNamespace(**lazy))

    def _wait(self, index):
        if ("read", index) in self.events:
            return
        self.events.append(("read", index))
        for _ in range(4 if index else 0):
            assert self.farm.rendered.acquire(timeout=PATIENCE), "nothing was rendered while the device was decoding"


def run(tiny, chunks, between=lambda: None):
    chat, farm = tiny[0].chat, Farm()
    device = Device(chat.response("plt.show()", start=0).ids, farm)
    prompts = [Prompt(f"p{i}", "chart", "") for i in range(4)]
    started = time.perf_counter()
    groups, seconds = collect(prompts, device.draw, farm, chat, Grading(4.0, 200), chunks, between)
    return groups, seconds, time.perf_counter() - started, farm, device.events


def test_rendering_of_a_chunk_passes_while_the_next_is_decoded(tiny):
    groups, seconds, wall, farm, events = run(tiny, chunks=2)
    # The next chunk is asked for before anybody waits for this one, so the device never idles.
    assert events == [("asked", 0), ("asked", 1), ("read", 0), ("read", 1)]
    assert [group.prompt.id for group in groups] == ["p0", "p1", "p2", "p3"]
    assert all(member.scene.error and member.rollout.text.startswith("plt") for g in groups for member in g.members)
    # The farm's own notes: the first chunk's renders are hidden whole, the second's are waited for.
    hidden, waited = covered(farm.spans[:4]), covered(farm.spans[4:])
    assert 0.04 <= hidden <= seconds.hidden
    assert seconds.render >= 0.04
    assert seconds.rendering == pytest.approx(hidden + waited, rel=0.2, abs=0.05)
    assert seconds.overlap == pytest.approx(seconds.hidden / (seconds.hidden + seconds.render))
    assert seconds.rollout + seconds.render <= wall


def test_one_chunk_hides_nothing(tiny):
    _, seconds, _, farm, _ = run(tiny, chunks=1)
    # From the first job on there is nothing left to decode.
    assert seconds.hidden == seconds.overlap == 0
    assert seconds.render >= covered(farm.spans)


def test_a_collection_can_be_left_between_chunks(tiny):
    calls = []

    def leave():
        calls.append(None)
        if len(calls) == 2:
            raise SystemExit(0)

    with pytest.raises(SystemExit):
        run(tiny, chunks=4, between=leave)
    assert len(calls) == 2


def test_what_goes_wrong_in_grading_is_raised(tiny, monkeypatch):
    def broken(*_):
        raise RuntimeError("a detector failed")

    monkeypatch.setattr("vsdpo_jax.rollout.collect.detect", broken)
    with pytest.raises(RuntimeError, match="a detector failed"):
        run(tiny, chunks=1)


def test_times_by_hand():
    assert union([(5, 6), (0, 2), (1, 3), (3, 4), (7, 7)]) == [(0, 4), (5, 6)]
    assert covered([(0, 2), (1, 3), (5, 6)]) == 4  # their lengths add up to 5
    assert shared([(0, 2), (1, 3), (5, 6)], [(2, 5.5)]) == 1.5
    assert shared([], [(0, 1)]) == 0
