"""Where training prompts come from: random-access sources, and streams that read them in a seeded order.

A source is anything with a length and `source[index] -> Prompt`; `fetch` asks for several at once, so that a source
which has to render its references can do so in parallel. A `Stream` visits a source epoch by epoch, each epoch in its
own order, and its whole state is one integer, `cursor`.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from vsdpo_jax.data.tasks.domain import Domain, Task, Tasks
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Prompt, Scene

# A task is drawn again this often before its source gives up. One attempt fails for about 1 task in 100.
ATTEMPTS = 8


class PromptSource(Protocol):
    """What training needs of a dataset."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Prompt: ...

    def fetch(self, indices: Iterable[int]) -> list[Prompt]:
        """The prompts at `indices`, in that order."""
        ...


class TaskSource:
    """Generated tasks as prompts. The image of a prompt is the render of the task's ideal program.

    A task whose reference does not run or shows a defect is drawn again (`Tasks.variant`), so every reference is
    clean. The last `cache` prompts are kept, for sets that are evaluated again and again.
    """

    def __init__(
        self,
        domain: Domain,
        split: str,
        farm: RenderFarm,
        size: int | None = None,
        max_side: int = 320,
        cache: int = 1024,
    ):
        self.tasks = Tasks(domain, split, size)
        self.farm = farm
        self.max_side = max_side
        self.cache_size = cache
        self._cache: collections.OrderedDict[int, Prompt] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, index: int) -> Prompt:
        return self.fetch([index])[0]

    def fetch(self, indices: Iterable[int]) -> list[Prompt]:
        """The prompts at `indices`; references that are not cached are rendered in parallel."""
        indices = [int(index) for index in indices]
        missing = sorted({index for index in indices if index not in self._cache})
        found = {index: self._cache[index] for index in indices if index in self._cache}
        clean = clean_tasks(self.tasks, missing, self.farm, self.max_side)
        for index, (task, scene) in zip(missing, clean, strict=True):
            found[index] = self._cache[index] = to_prompt(task, scene)
        for index in indices:
            self._cache.move_to_end(index)
        while len(self._cache) > self.cache_size:
            self._cache.popitem(last=False)
        return [found[index] for index in indices]


class Stream:
    """Reads a source in a seeded order, without end.

    With several hosts each takes its own `shard` of every `shards * count` prompts; all hosts' cursors stay equal.

    Attributes:
      cursor: prompts taken so far, over all shards. A new stream with the same seed and this cursor goes on from here.
    """

    def __init__(self, source: PromptSource, seed: int, cursor: int = 0, shard: int = 0, shards: int = 1):
        if not 0 <= shard < shards:
            raise ValueError(f"shard {shard} of {shards} does not exist")
        if len(source) == 0:
            raise ValueError("the source is empty")
        self.source = source
        self.seed = seed
        self.cursor = cursor
        self.shard = shard
        self.shards = shards
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def take(self, count: int) -> list[Prompt]:
        """The next `count` prompts of this shard."""
        first = self.cursor + self.shard * count
        indices = [self._index(position) for position in range(first, first + count)]
        self.cursor += count * self.shards
        return self.source.fetch(indices)

    def _index(self, position: int) -> int:
        epoch, place = divmod(position, len(self.source))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, np.random.default_rng([self.seed, epoch]).permutation(len(self.source))
        return int(self._order[place])


def to_prompt(task: Task, scene: Scene) -> Prompt:
    """The prompt of a task, given the render of its ideal program."""
    return Prompt(
        id=task.id,
        kind=task.domain.kind,
        text=task.instruction,
        images=(scene.image,),
        reference=task.ideal.source,
        reference_scene=scene,
    )


def settle(farm: RenderFarm, source: str, kind: str, max_side: int, scene: Scene) -> Scene:
    """Renders again what a busy machine did not finish in time, so that the data do not depend on its load.

    Only for programs that are known to be harmless: each is quick where nothing else runs.
    """
    for _ in range(ATTEMPTS):
        if scene.error is None or scene.error.status == "python-error":
            break
        scene = farm.submit(source, kind, max_side=max_side).result()
    return scene


def clean_tasks(tasks: Tasks, indices: Iterable[int], farm: RenderFarm, max_side: int) -> list[tuple[Task, Scene]]:
    """The tasks at `indices` with the renders of their ideal programs, drawn again until those show no defect.

    Raises:
      RuntimeError: a task stays defective for `ATTEMPTS` draws, so the renderer, not the task, is at fault.
    """
    indices, kind = list(indices), tasks.domain.kind
    clean: dict[int, tuple[Task, Scene]] = {}
    for attempt in range(ATTEMPTS):
        drawn = {index: tasks.variant(index, attempt) for index in indices if index not in clean}
        if not drawn:
            break
        futures = {index: farm.submit(task.ideal.source, kind, max_side=max_side) for index, task in drawn.items()}
        for index, future in futures.items():
            scene = settle(farm, drawn[index].ideal.source, kind, max_side, future.result())
            defects = [defect for defect in detect(scene) if defect.severity > 0]
            if scene.error is None and not defects:
                clean[index] = (drawn[index], scene)
            else:
                reason = scene.error.message if scene.error else defects[0].message
    if len(clean) < len(indices):
        raise RuntimeError(f"references keep failing in the renderer, the last one with: {reason}")
    return [clean[index] for index in indices]
