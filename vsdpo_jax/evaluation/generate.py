"""Answers of a model to a benchmark's examples, kept as `ID.md`, so that they can be looked at and scored again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.types import Example, Prediction, Workshop
from vsdpo_jax.export import export, find_step
from vsdpo_jax.model import weights
from vsdpo_jax.pack import Packer
from vsdpo_jax.policy import Policy
from vsdpo_jax.rollout.response import parse_response
from vsdpo_jax.rollout.sampler import SamplingConfig, sample
from vsdpo_jax.sharding import parameter_shardings, put_rows
from vsdpo_jax.storage import absolute, is_remote
from vsdpo_jax.train import open_mesh, open_model
from vsdpo_jax.types import Prompt


class Answers:
    """The answers of one model under one setting, made where they are missing.

    Args:
      config: shapes, mesh and compute type; `config.model` is the folder of the model.
      folder: of the evaluation; the answers lie in `answers-SETTING/` in it.
      temperature: 0 takes the most likely token.
      seed: of sampling.
    """

    def __init__(self, config: ConfigDict, folder: epath.Path, *, temperature: float, seed: int):
        self._config, self._seed = config, seed
        settings = {
            "model": config.model,
            "temperature": temperature,
            "seed": seed,
            "lengths": config.lengths.to_dict(),
            "sampling": [config.sampling.top_p, config.sampling.top_k],
            "dtype": config.dtype,
        }
        name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
        self.folder = epath.Path(folder) / f"answers-{name}"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "settings.json").write_text(json.dumps(settings, indent=1))
        self._temperature = temperature

    def predictions(self, examples: Sequence[Example], workshop: Workshop) -> Iterator[Prediction]:
        """One of each example, in their order; those that are missing are sampled, a batch at a time.

        Raises:
          UserError: an example without an instruction, a mesh or a model that cannot be used.
        """
        missing = [example for example in examples if not self._path(example).exists()]
        for example in missing:
            if not example.instruction:
                raise UserError(f"example {example.id!r} has no instruction: the table that holds them is missing")
        fresh = self._sample_all(missing, workshop) if missing else iter(())
        for example in examples:
            while not self._path(example).exists():
                next(fresh)
            yield Prediction(example.id, example.id, self._path(example).read_text())

    def all(self, examples: Sequence[Example]) -> list[Prediction]:
        """The predictions that are there, of all hosts; `text` is None for those that are not made yet."""
        paths = [(example.id, self._path(example)) for example in examples]
        return [Prediction(name, name, path.read_text() if path.exists() else None) for name, path in paths]

    def _path(self, example: Example) -> epath.Path:
        return self.folder / f"{example.id}.md"

    def _sample_all(self, examples: Sequence[Example], workshop: Workshop) -> Iterator[None]:
        config = self._config
        mesh = open_mesh(config)
        with contextlib.ExitStack() as stack:
            stack.enter_context(jax.set_mesh(mesh))
            policy, packer = open_model(config)
            _, params = weights.load(
                policy.folder,
                dtype=jax.numpy.dtype(config.dtype),
                shardings=parameter_shardings(mesh, policy.config),
            )
            for start in range(0, len(examples), config.batch.prompts):
                part = list(examples[start : start + config.batch.prompts])
                for example, text in zip(part, self._sample(part, policy, packer, params, workshop), strict=True):
                    temporary = self.folder / f".{example.id}.part"
                    temporary.write_text(text)
                    temporary.replace(self._path(example))
                yield

    def _sample(
        self, examples: list[Example], policy: Policy, packer: Packer, params: Any, workshop: Workshop
    ) -> list[str]:
        prompts = [prompt_of(example, workshop) for example in examples]
        # The last batch is filled up, so that it needs no compilation of its own.
        prompts += prompts[-1:] * (self._config.batch.prompts - len(prompts))
        prefix, images = put_rows(packer.pack_prompts(prompts))
        chat = policy.chat
        samples = sample(
            policy.graphdef,
            params,
            prefix,
            images,
            jax.random.fold_in(jax.random.key(self._seed), _number(examples[0].id)),
            branches=1,
            config=SamplingConfig(
                temperature=self._temperature,
                top_p=self._config.sampling.top_p,
                top_k=self._config.sampling.top_k,
                max_tokens=self._config.lengths.response,
                stop_ids=(chat.end_of_turn,),
                banned_ids=chat.banned_ids,
            ),
        )
        arrays = [np.asarray(array)[:, 0] for array in (samples.tokens, samples.logp, samples.lengths)]
        rows = zip(examples, *arrays, strict=False)
        return [parse_response(example.id, *row, chat.tokenizer, (chat.end_of_turn,)).text for example, *row in rows]


def prompt_of(example: Example, workshop: Workshop) -> Prompt:
    """The example as a prompt. A picture that was not published is drawn from the reference."""
    pixels = example.pixels()
    if pixels is None and example.kind == "chart":
        pixels = workshop.farm.submit(example.reference, example.kind).result().image
        if pixels is None:
            raise UserError(f"example {example.id!r} has no picture, and its reference does not draw one")
    images = () if pixels is None else (pixels,)
    return Prompt(example.id, example.kind, example.instruction, images, example.reference)


def model_of(model: str | None, checkpoint: str | None, out: epath.Path) -> str:
    """The folder of the model: `model`, or the checkpoint (the latest of a workdir) written as one into `out`, once.

    Weights are read from a disk of this machine: with an `out` on `gs://` they are written to a temporary folder.

    Raises:
      UserError: none or both are given, or the checkpoint cannot be read.
    """
    if bool(model) == bool(checkpoint):
        raise UserError("give --predictions=DIR, --model=HF_DIR or --checkpoint=WORKDIR")
    if model:
        return model
    # A run that goes on has other weights under the same path.
    step, _ = find_step(absolute(epath.Path(checkpoint).expanduser()))
    name = hashlib.sha256(str(step).encode()).hexdigest()[:8]
    place = epath.Path(tempfile.mkdtemp(prefix="vsdpo-model-")) if is_remote(out) else out
    folder = place / f"model-{name}"
    if not (folder / "config.json").exists():
        export(str(step), str(folder))
    return str(folder)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
