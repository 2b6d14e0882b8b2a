"""Prepared sets as prompts and as supervised targets.

A record is read when it is asked for, over the network if the set is on `gs://` (array_record reads there by itself).
References are rendered by the farm at the same moment, so that what a reward compares with comes from the renderer that
draws the answers.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from absl import logging
from etils import epath

from vsdpo_jax.data.prepared.builder import SPLITS, find_prepared
from vsdpo_jax.errors import UserError
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Prompt, Scene, TargetGroup

_FENCES = {"chart": "python", "pptx": "python", "web": "html", "slide": "html"}
# A reference ran when the set was prepared. If this many in a row do not run now, the machine is at fault.
ATTEMPTS = 8
_TRIES = 3


class PreparedRecords:
    """The records of one split, decoded, by index.

    Args:
      path: of the prepared set, local or `gs://`.
      split: `train` or `heldout`.

    Raises:
      UserError: there is no prepared set, no such split, or nothing in it.
    """

    def __init__(self, path: epath.PathLike, split: str):
        import tensorflow_datasets as tfds

        if split not in SPLITS:
            raise UserError(f"a prepared set has no split {split!r}: choose from {', '.join(SPLITS)}")
        folder = find_prepared(path)
        builder = tfds.builder_from_directory(str(folder))
        if not builder.info.splits[split].num_examples:
            raise UserError(f"split {split!r} of {folder} is empty: prepare it with another --heldout")
        self.name, self.split = builder.name, split
        self._data = builder.as_data_source(split)

    def __len__(self) -> int:
        return len(self._data)

    def read(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Texts and pictures (uint8[height, width, 3]) of some records, read in parallel."""
        texts = ("id", "kind", "prompt", "code")
        return [
            {name: record[name].decode() for name in texts} | {"images": tuple(map(np.asarray, record["images"]))}
            for record in self._data.__getitems__(list(indices))
        ]


class PreparedSource:
    """A prepared set as prompts: the picture of the data set, its code as reference, rendered when it is asked for.

    A reference that does not run now, though it did when the set was prepared, gives way to the next task of the set,
    with a warning: a prompt without reference would reward whatever runs.

    Args:
      path, split: of `PreparedRecords`.
      farm: renders the references.
      max_side: longest side of a rendered chart in pixels; 0: as the program asks.
      cache: prompts that are kept, for sets that are evaluated again and again.
    """

    def __init__(self, path: epath.PathLike, split: str, farm: RenderFarm, max_side: int = 0, cache: int = 512):
        self._records, self._farm, self._max_side, self._cache_size = (
            PreparedRecords(path, split),
            farm,
            max_side,
            cache,
        )
        self._cache: collections.OrderedDict[int, Prompt] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Prompt:
        return self.fetch([index])[0]

    def fetch(self, indices: Iterable[int]) -> list[Prompt]:
        """The prompts at `indices`; references that are not cached are rendered in parallel.

        Raises:
          UserError: `ATTEMPTS` references in a row do not run.
        """
        indices = [int(index) for index in indices]
        found = {index: self._cache[index] for index in indices if index in self._cache}
        places = {index: index for index in indices if index not in found}
        for _ in range(ATTEMPTS):
            made = self._prompts(list(dict.fromkeys(places.values())))
            failed = {index for index, place in places.items() if made[place] is None}
            found |= {index: made[place] for index, place in places.items() if index not in failed}
            places = {index: (place + 1) % len(self) for index, place in places.items() if index in failed}
            if not places:
                break
        if places:
            raise UserError(
                f"{ATTEMPTS} references of {self._records.name} in a row do not run on this machine, though they did "
                "when the set was prepared: see whether `python -m vsdpo_jax.inspect` renders, or prepare it again here"
            )
        self._remember({index: found[index] for index in indices})
        return [found[index] for index in indices]

    def _remember(self, prompts: dict[int, Prompt]) -> None:
        for index, prompt in prompts.items():
            self._cache[index] = prompt
            self._cache.move_to_end(index)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)

    def _prompts(self, indices: Sequence[int]) -> dict[int, Prompt | None]:
        """The prompts at `indices`; None where the reference does not run."""
        records = self._records.read(indices) if indices else []
        futures = [self._submit(record) for record in records]
        made: dict[int, Prompt | None] = {}
        for index, record, future in zip(indices, records, futures, strict=True):
            scene = self._settle(record, future.result()) if future else None
            if scene is not None and scene.error is not None:
                logging.warning("reference %s does not run now: %s", record["id"], scene.error.message)
                made[index] = None
            else:
                made[index] = to_prompt(record, f"{self._records.name}/{self._records.split}/{record['id']}", scene)
        return made

    def _submit(self, record: dict[str, Any]):
        return (
            self._farm.submit(record["code"], record["kind"], max_side=self._max_side or None)
            if record["code"]
            else None
        )

    def _settle(self, record: dict[str, Any], scene: Scene) -> Scene:
        """Renders again what a busy machine did not finish."""
        for _ in range(_TRIES - 1):
            if scene.error is None or scene.error.status == "python-error":
                break
            scene = self._submit(record).result()
        return scene


def to_prompt(record: dict[str, Any], identity: str, scene: Scene | None) -> Prompt:
    """The prompt of a record and the render of its code."""
    return Prompt(identity, record["kind"], record["prompt"], record["images"], record["code"], scene)


class PreparedTargets(Sequence):
    """A prepared set as supervised targets: the reference code in a fenced block, G times; nothing is rendered.

    Raises:
      UserError: the set has no code to imitate.
    """

    def __init__(self, path: epath.PathLike, split: str, group: int):
        self._records, self._group = PreparedRecords(path, split), group
        if not self._records.read([0])[0]["code"]:
            raise UserError(f"{path} has instructions only: method sft needs a set with code")

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> TargetGroup:
        (record,) = self._records.read([index])
        response = f"```{_FENCES[record['kind']]}\n{record['code']}\n```"
        prompt = to_prompt(record, f"{self._records.name}/{self._records.split}/{record['id']}", None)
        count = self._group
        return TargetGroup(prompt, (response,) * count, ("",) * count, (None,) * count, ((),) * count)
