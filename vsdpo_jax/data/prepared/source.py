"""Prepared sets as prompts and as supervised targets.

A record is read when it is asked for, over the network if the set is on `gs://` (array_record reads there by itself).
References are rendered by the farm at the same moment, so that what a reward compares with comes from the renderer that
draws the answers.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
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
# If this many tasks in a row do not fit, the lengths of the config are wrong for the set.
SEARCH = 256


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
    with a warning: a prompt without reference would reward whatever runs. So does a prompt that does not fit.

    Args:
      path, split: of `PreparedRecords`.
      farm: renders the references.
      max_side: longest side of a rendered chart in pixels; 0: as the program asks.
      fits: whether a prompt has room.
      cache: prompts that are kept, for sets that are evaluated again and again.
    """

    def __init__(
        self,
        path: epath.PathLike,
        split: str,
        farm: RenderFarm,
        max_side: int = 0,
        fits: Callable[[Prompt], bool] = lambda _: True,
        cache: int = 512,
    ):
        self._records = PreparedRecords(path, split)
        self._farm, self._max_side, self._fits, self._cache_size = farm, max_side, fits, cache
        self._unfit: set[int] = set()
        self._cache: collections.OrderedDict[int, Prompt] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Prompt:
        return self.fetch([index])[0]

    def fetch(self, indices: Iterable[int]) -> list[Prompt]:
        """The prompts at `indices`; references that are not cached are rendered in parallel.

        Raises:
          UserError: an index beyond the set, `ATTEMPTS` references in a row that do not run, or `SEARCH` prompts in a
            row that do not fit.
        """
        indices = [int(index) for index in indices]
        if indices and max(indices) >= len(self):
            raise UserError(
                f"{self._records.split} of {self._records.name} has {len(self)} tasks, number {max(indices)} is asked "
                "for: lower config.eval.prompts, or prepare the set with a larger --heldout"
            )
        found = {index: self._cache[index] for index in indices if index in self._cache}
        places = {index: index for index in indices if index not in found}
        broken: collections.Counter[int] = collections.Counter()
        for _ in range(SEARCH):
            if not places:
                break
            made = self._prompts(list(dict.fromkeys(places.values())))
            found |= {index: made[place] for index, place in places.items() if isinstance(made[place], Prompt)}
            broken.update(index for index, place in places.items() if made[place] == "broken")
            if max(broken.values(), default=0) >= ATTEMPTS:
                raise UserError(
                    f"{ATTEMPTS} references of {self._records.name} in a row do not run on this machine, though they "
                    "did when the set was prepared: see whether `python -m vsdpo_jax.inspect` renders them"
                )
            places = {index: (place + 1) % len(self) for index, place in places.items() if index not in found}
        if places:
            raise UserError(
                f"{SEARCH} prompts of {self._records.name} in a row are too long: raise config.lengths.prefix"
            )
        self._remember({index: found[index] for index in indices})
        return [found[index] for index in indices]

    def _remember(self, prompts: dict[int, Prompt]) -> None:
        for index, prompt in prompts.items():
            self._cache[index] = prompt
            self._cache.move_to_end(index)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)

    def _prompts(self, indices: Sequence[int]) -> dict[int, Prompt | str]:
        """The prompts at `indices`; `unfit` where one is too long, `broken` where the reference does not run."""
        made: dict[int, Prompt | str] = {}
        futures: dict[int, tuple[Prompt, dict[str, Any], Future[Scene] | None]] = {}
        for index, record in zip(indices, self._records.read(indices), strict=True):
            prompt = to_prompt(record, self._records)
            if self._fits(prompt):
                futures[index] = prompt, record, self._submit(record)
            else:
                made[index] = "unfit"
                self._unfit.add(index)
                message = "%d prompts of %s are longer than config.lengths.prefix so far; others take their places"
                logging.log_every_n_seconds(logging.WARNING, message, 60, len(self._unfit), self._records.name)
        for index, (prompt, record, future) in futures.items():
            scene = self._settle(record, future.result()) if future else None
            if scene is not None and scene.error is not None:
                logging.warning("reference %s does not run now: %s", record["id"], scene.error.message)
                made[index] = "broken"
            else:
                made[index] = dataclasses.replace(prompt, reference_scene=scene)
        return made

    def _submit(self, record: dict[str, Any]) -> Future[Scene] | None:
        if not record["code"]:
            return None
        return self._farm.submit(record["code"], record["kind"], max_side=self._max_side or None)

    def _settle(self, record: dict[str, Any], scene: Scene) -> Scene:
        """Renders again what a busy machine did not finish."""
        for _ in range(_TRIES - 1):
            if scene.error is None or scene.error.status == "python-error":
                break
            scene = self._submit(record).result()
        return scene


def to_prompt(record: dict[str, Any], records: PreparedRecords) -> Prompt:
    """The prompt of a record, its reference not rendered."""
    identity = f"{records.name}/{records.split}/{record['id']}"
    return Prompt(identity, record["kind"], record["prompt"], record["images"], record["code"])


class PreparedTargets(Sequence):
    """A prepared set as supervised targets: the reference code in a fenced block, G times; nothing is rendered.

    What does not fit gives way to the next task.

    Args:
      path, split: of `PreparedRecords`.
      group: G.
      fits: whether a prompt and its response have room.

    Raises:
      UserError: the set has no code to imitate.
    """

    def __init__(
        self, path: epath.PathLike, split: str, group: int, fits: Callable[[Prompt, str], bool] = lambda *_: True
    ):
        self._records, self._group, self._fits = PreparedRecords(path, split), group, fits
        if not self._records.read([0])[0]["code"]:
            raise UserError(f"{path} has instructions only: method sft needs a set with code")

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> TargetGroup:
        for step in range(SEARCH):
            (record,) = self._records.read([(index + step) % len(self)])
            prompt = to_prompt(record, self._records)
            response = f"```{_FENCES[record['kind']]}\n{record['code']}\n```"
            if self._fits(prompt, response):
                count = self._group
                nothing = ((),) * count
                return TargetGroup(prompt, (response,) * count, ("",) * count, (None,) * count, nothing, nothing)
        raise UserError(
            f"{SEARCH} tasks of {self._records.name} in a row are too long: raise config.lengths.prefix and response"
        )
