"""The data sets that a config can name."""

from __future__ import annotations

from collections.abc import Sequence

from ml_collections import ConfigDict

from vsdpo_jax.data.source import ChartSource, PromptSource
from vsdpo_jax.data.warmstart import Corpus
from vsdpo_jax.errors import UserError
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Prompt, TargetGroup


def prompt_source(config: ConfigDict, split: str, farm: RenderFarm) -> PromptSource:
    """The prompts of `config.data.name`, split `split`; raises UserError if there is no such data set."""
    if config.data.name == "chart_tasks":
        return ChartSource(split, farm, max_side=config.render.max_side)
    raise UserError(f"config.data.name={config.data.name!r} is unknown: choose chart_tasks")


def target_source(config: ConfigDict) -> Sequence[TargetGroup]:
    """The supervised targets in the folder `config.data.corpus`; raises UserError if it holds no finished corpus."""
    try:
        return CorpusTargets(Corpus(config.data.corpus), config.batch.group)
    except FileNotFoundError as error:
        raise UserError(f"config.data.corpus={config.data.corpus!r}: {error}") from error


class CorpusTargets(Sequence):
    """The items of a warm-start corpus with G targets each; an item with fewer repeats them."""

    def __init__(self, corpus: Corpus, group: int):
        self._corpus, self._group = corpus, group

    def __len__(self) -> int:
        return len(self._corpus)

    def __getitem__(self, index: int) -> TargetGroup:
        item = self._corpus[index]
        variants = [item.variants[g % len(item.variants)] for g in range(self._group)]
        return TargetGroup(
            prompt=Prompt(item.id, "chart", item.prompt, (item.image,)),
            targets=tuple(variant.response for variant in variants),
            feedback=tuple(variant.feedback or "" for variant in variants),
            renders=tuple(item.author_image if variant.feedback else None for variant in variants),
            decisive=tuple(variant.decisive for variant in variants),
        )
