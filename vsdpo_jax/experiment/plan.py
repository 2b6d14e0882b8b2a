"""Which runs the experiment is made of, and the command line of each."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from vsdpo_jax.errors import UserError
from vsdpo_jax.objective.method import METHODS

CONFIG = "configs/tiny.py"
# Learning rates are chosen on a seed that no reported run has.
TUNING_SEED = 1000
BASE = "base"


@dataclasses.dataclass(frozen=True)
class Plan:
    """The whole experiment.

    Attributes:
      domains: of `configs/tiny.py`.
      methods: of `objective.method.METHODS`, with `+control` where the teacher is to be damaged; `base` is the model
        before training and costs no run of its own.
      seeds: of prompts and rollouts.
      steps: of every run; with the same batch they all see the same number of rollouts.
      rates: learning rates that are tried for every method; with one or none nothing is tried. A control has that of
        its method, since it must differ in nothing else.
      tune_on: the domain they are tried in, whose choice holds for all domains; empty: in every domain.
      overrides: config fields (`lengths.response=120`) of all runs.
    """

    domains: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: int
    rates: tuple[float, ...] = ()
    tune_on: str = ""
    overrides: tuple[str, ...] = ()

    def __post_init__(self):
        for method in self.trained:
            if plain(method) not in METHODS:
                known = ", ".join((BASE, *METHODS))
                raise UserError(f"--methods: {method!r} is unknown: choose of {known}, with +CONTROL for a control")
        if not (self.domains and self.methods and self.seeds):
            raise UserError("give at least one domain, one method and one seed")
        if self.tune_on and not self.tuned:
            raise UserError(f"--tune_on={self.tune_on} has nothing to choose from: give --rates=… with several")
        if TUNING_SEED in self.seeds:
            raise UserError(f"seed {TUNING_SEED} is the one that learning rates are chosen on: report others")

    @property
    def trained(self) -> tuple[str, ...]:
        """The methods that need runs."""
        return tuple(method for method in self.methods if method != BASE)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The methods that curves and galleries have room for: those without a control."""
        return tuple(method for method in self.trained if method == plain(method))

    @property
    def tuned(self) -> bool:
        """Whether learning rates are chosen."""
        return len(self.rates) > 1

    def tuning_runs(self) -> list[Run]:
        """The grid: every method with every rate, one seed."""
        if not self.tuned:
            return []
        domains = (self.tune_on,) if self.tune_on else self.domains
        methods = dict.fromkeys(plain(method) for method in self.trained)
        return [
            Run(domain, method, TUNING_SEED, rate)
            for domain, method, rate in itertools.product(domains, methods, self.rates)
        ]

    def runs(self, chosen: dict[tuple[str, str], float]) -> list[Run]:
        """The runs that are reported, seed by seed, so that a partial experiment is balanced.

        Args:
          chosen: (domain, method) -> learning rate, as tuned; where there is none the config's own is taken.
        """
        only = self.rates[0] if len(self.rates) == 1 else None
        return [
            Run(domain, method, seed, chosen.get((self.tune_on or domain, plain(method)), only))
            for seed, domain, method in itertools.product(self.seeds, self.domains, self.trained)
        ]


def plain(method: str) -> str:
    """The method without its control."""
    return method.partition("+")[0]


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run. `rate` None: the learning rate of the config."""

    domain: str
    method: str
    seed: int
    rate: float | None = None

    @property
    def name(self) -> str:
        """Folder below that of all runs."""
        rate = "" if self.rate is None else f"_lr_{self.rate:g}"
        return f"{self.domain}/{self.method}/seed_{self.seed}{rate}"

    def command(self, workdir: Path, steps: int, overrides: Sequence[str]) -> list[str]:
        """The training command."""
        method, _, control = self.method.partition("+")
        arguments = f"domain={self.domain},method={method},seed={self.seed}" + (
            f",control={control}" if control else ""
        )
        fields = [f"steps={steps}", *([] if self.rate is None else [f"optim.lr={self.rate:g}"]), *overrides]
        return [
            *(sys.executable, "-m", "vsdpo_jax.train"),
            f"--config={CONFIG}:{arguments}",
            f"--workdir={workdir}",
            *(f"--config.{field}" for field in fields),
        ]
