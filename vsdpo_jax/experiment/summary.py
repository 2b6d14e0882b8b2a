"""What all runs say together: `summary.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from vsdpo_jax.experiment.plan import BASE, Plan
from vsdpo_jax.experiment.results import MEASURES, PHASES, Result
from vsdpo_jax.experiment.statistics import Estimate, first_reaching, interval, paired

OWN = "visual_sdpo"
REFERENCE = "grpo"
# These two have the same total weight, and differ in where it lies.
PLACED, UNIFORM = "visual_sdpo+mean_1", "visual_sdpo+alpha_1"
TARGET = "rollouts_to_grpo_final"
ALL = "all"


def summarize(plan: Plan, results: Sequence[Result], chosen: dict[tuple[str, str], float]) -> dict[str, Any]:
    """The figures of the page.

    `domains` has, per domain and method, each of `MEASURES` and `rollouts_to_grpo_final` as {mean, low, high, runs},
    the 95% interval being over seeds, and every single run. `base` is what the runs of a domain had before their first
    step. `differences` has, per domain and `first - second`, each of `MEASURES` paired by seed, and under `all` the
    pairs of all domains together, where every domain has some. What was not run has no entry; `missing` names it.
    """
    domains = {domain: _domain(plan, domain, [r for r in results if r.run.domain == domain]) for domain in plan.domains}
    there = {result.run for result in results}
    return {
        "plan": dataclasses.asdict(plan),
        "rates": {f"{domain}/{method}": rate for (domain, method), rate in sorted(chosen.items())},
        "missing": [run.name for run in plan.runs(chosen) if run not in there],
        "domains": domains,
        "differences": _by_domain(plan, results),
    }


def target_reward(results: Sequence[Result]) -> float | None:
    """GRPO's reward at the end of training, the mean over its seeds; None without a run of it."""
    finals = [
        result.final_training_reward
        for result in results
        if result.run.method == REFERENCE and result.final_training_reward is not None
    ]
    return sum(finals) / len(finals) if finals else None


def differences(results: Sequence[Result]) -> dict[str, dict[str, dict[str, Any]]]:
    """`first - second` -> `MEASURES` -> the paired difference of what held-out prompts got, over the runs of both
    that have domain and seed in common.

    `visual_sdpo` against every other method, every method against `grpo`, and placed credit against uniform credit.
    """
    ends: dict[str, dict[tuple[str, int], dict[str, float]]] = {}
    for result in results:
        pair = (result.run.domain, result.run.seed)
        ends.setdefault(result.run.method, {})[pair] = result.after
        ends.setdefault(BASE, {})[pair] = result.before
    pairs = [(OWN, other) for other in ends if other != OWN]
    pairs += [(method, REFERENCE) for method in ends if method not in (OWN, REFERENCE, BASE)]
    pairs.append((PLACED, UNIFORM))
    return {
        f"{first} - {second}": {name: _as_dict(_difference(ends, first, second, name)) for name in MEASURES}
        for first, second in pairs
        if first in ends and second in ends
    }


def _by_domain(plan: Plan, results: Sequence[Result]) -> dict[str, dict[str, dict[str, Any]]]:
    by_domain = {domain: differences(_of(results, domain)) for domain in plan.domains}
    if len(by_domain) < 2:
        return by_domain
    shared = [{pair for pair, found in one.items() if found["reward"]["runs"]} for one in by_domain.values()]
    together = differences(results)
    return by_domain | {ALL: {pair: found for pair, found in together.items() if all(pair in one for one in shared)}}


def _difference(
    ends: Mapping[str, Mapping[tuple[str, int], Mapping[str, float]]], first: str, second: str, name: str
) -> Estimate:
    one, other = ({pair: end[name] for pair, end in ends[method].items()} for method in (first, second))
    return paired(one, other)


def _of(results: Sequence[Result], domain: str) -> list[Result]:
    return [result for result in results if result.run.domain == domain]


def _domain(plan: Plan, domain: str, results: list[Result]) -> dict[str, Any]:
    target = target_reward(results)
    methods = {}
    if BASE in plan.methods and results:
        methods[BASE] = _base(results)
    for method in plan.trained:
        own = [result for result in results if result.run.method == method]
        if own:
            methods[method] = _method(own, target)
    return methods


def _base(results: list[Result]) -> dict[str, Any]:
    """All runs of a seed start from the same model and sample alike: the first that is there speaks for its seed."""
    by_seed = {result.run.seed: result.before for result in reversed(results)}
    runs = [{"seed": seed, **before} for seed, before in sorted(by_seed.items())]
    return {name: _as_dict(interval([run[name] for run in runs])) for name in MEASURES} | {"runs": runs}


def _method(results: list[Result], target: float | None) -> dict[str, Any]:
    results = sorted(results, key=lambda result: result.run.seed)
    reached = [
        None if target is None else first_reaching(result.rollouts, result.rewards, target) for result in results
    ]
    known = [value for value in reached if value is not None]
    figures = {name: _as_dict(interval([result.after[name] for result in results])) for name in MEASURES}
    # A mean over the runs that got there, where others did not, would flatter.
    figures[TARGET] = _as_dict(interval(known if len(known) == len(reached) else [])) | {
        "reached": len(known),
        "of": sum(bool(result.rewards) for result in results),
    }
    for name in ("uplift_guilty", "uplift_other", "kl_share", "token_share", "seconds"):
        values = [value for value in (getattr(result, name) for result in results) if value is not None]
        figures[name] = _as_dict(interval(values))
    for name in ("steps_per_second", "rollouts_per_second", "renders_per_second"):
        figures[name] = _as_dict(interval([result.rates[name] for result in results if name in result.rates]))
    for name in ("first", *PHASES):
        figures[f"{name}_seconds"] = _as_dict(interval([r.phases[name] for r in results if name in r.phases]))
    return figures | {"runs": [_run(result, rollouts) for result, rollouts in zip(results, reached, strict=True)]}


def _run(result: Result, reached: float | None) -> dict[str, Any]:
    return {
        "seed": result.run.seed,
        "lr": result.run.rate,
        **result.after,
        TARGET: reached,
        "before": result.before,
        "rollouts": list(result.rollouts),
        "training_rewards": list(result.rewards),
        "seconds": result.seconds,
    }


def _as_dict(estimate: Estimate) -> dict[str, Any]:
    return dataclasses.asdict(estimate)
