"""The data sets that a config can name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ml_collections import ConfigDict

from vsdpo_jax.data.source import PromptSource, TaskSource
from vsdpo_jax.data.tasks import DOMAINS
from vsdpo_jax.data.warmstart import Corpus
from vsdpo_jax.errors import UserError
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Prompt, TargetGroup

GENERATED = {f"{name}_tasks": domain for name, domain in DOMAINS.items()}
PREPARED = "prepared"


def prompt_source(
    config: ConfigDict, split: str, farm: RenderFarm, fits: Callable[[Prompt], bool] = lambda _: True
) -> PromptSource:
    """The prompts of `config.data.name`, split `split`; raises UserError if there is no such data set.

    `fits` says whether a prompt has room; prepared sets leave out what has none, generated tasks always have.
    """
    name = config.data.name
    if name in GENERATED:
        return TaskSource(GENERATED[name], split, farm, max_side=config.render.max_side)
    if name == PREPARED:
        from vsdpo_jax.data.prepared.source import PreparedSource

        return PreparedSource(_prepared_path(config), split, farm, config.render.max_side, fits)
    raise UserError(f"config.data.name={name!r} is unknown: choose one of {', '.join((*GENERATED, PREPARED))}")


def _prepared_path(config: ConfigDict) -> str:
    if not config.data.path:
        raise UserError("config.data.path is empty: give a folder that `python -m vsdpo_jax.prepare_data` has made")
    return config.data.path


def target_source(
    config: ConfigDict, farm: RenderFarm, fits: Callable[[Prompt, str], bool] = lambda *_: True
) -> Sequence[TargetGroup]:
    """The supervised targets: those of a prepared set, of the folders `config.data.corpus`, or of generated tasks.

    Raises:
      UserError: a folder holds no finished corpus, or no prepared set with code, or there is no such data set.
    """
    if config.data.name == PREPARED:
        from vsdpo_jax.data.prepared.source import PreparedTargets

        return PreparedTargets(_prepared_path(config), config.data.train_split, config.batch.group, fits)
    if not config.data.corpus:
        return ReferenceTargets(prompt_source(config, config.data.train_split, farm), config.batch.group)
    try:
        return CorpusTargets([Corpus(folder) for folder in config.data.corpus.split(",")], config.batch.group)
    except FileNotFoundError as error:
        raise UserError(f"config.data.corpus={config.data.corpus!r}: {error}") from error


class ReferenceTargets(Sequence):
    """The prompts that reinforcement learning sees, in its order, each with G times its reference program."""

    def __init__(self, source: PromptSource, group: int):
        self._source, self._group = source, group

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> TargetGroup:
        prompt, group = self._source[index], self._group
        return TargetGroup(
            prompt=prompt,
            targets=(prompt.reference,) * group,
            feedback=("",) * group,
            renders=(None,) * group,
            decisive=((),) * group,
            revised=((),) * group,
        )


class CorpusTargets(Sequence):
    """The items of warm-start corpora with G targets each; an item with fewer repeats them.

    The corpora take turns, item by item; a shorter one starts again until the longest has been read.
    """

    def __init__(self, corpora: Sequence[Corpus], group: int):
        self._corpora, self._group = corpora, group

    def __len__(self) -> int:
        return len(self._corpora) * max(map(len, self._corpora))

    def __getitem__(self, index: int) -> TargetGroup:
        place, turn = divmod(index, len(self._corpora))
        corpus = self._corpora[turn]
        item = corpus[place % len(corpus)]
        variants = [item.variants[g % len(item.variants)] for g in range(self._group)]
        return TargetGroup(
            prompt=Prompt(item.id, item.kind, item.prompt, (item.image,)),
            targets=tuple(variant.response for variant in variants),
            feedback=tuple(variant.feedback or "" for variant in variants),
            renders=tuple(item.author_image if variant.feedback else None for variant in variants),
            decisive=tuple(variant.decisive for variant in variants),
            revised=tuple(variant.revised for variant in variants),
        )
