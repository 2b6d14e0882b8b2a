"""Makes the runs, each in a process of its own. What is finished is not made again, what was interrupted goes on."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from vsdpo_jax.experiment.plan import TUNING_SEED, Plan, Run
from vsdpo_jax.experiment.result_file import ResultFile
from vsdpo_jax.experiment.results import Result, check_settings, finished, read


class Runner:
    """Makes the runs of a plan below the folder `runs`.

    Attributes:
      failed: name of a run -> the end of what it printed.
    """

    def __init__(self, plan: Plan, runs: Path, kept: ResultFile, at_once: int = 1):
        """`kept`: results whose folders may be gone; `at_once`: runs beside each other, which changes times only."""
        self.plan, self.folder, self.at_once, self._kept = plan, runs, at_once, kept
        self.failed: dict[str, str] = {}
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._stopped = False

    def make_all(self) -> None:
        """First the grid of learning rates, then every reported run. A run that fails is noted, the others go on."""
        self._make(self.plan.tuning_runs(), "learning rates")
        self._make(self.plan.runs(self.chosen()), "runs")

    def chosen(self) -> dict[tuple[str, str], float]:
        """(domain, method) -> the learning rate with the best `tuning_reward`, if any was tried."""
        best: dict[tuple[str, str], Result] = {}
        for result in self.results(self.plan.tuning_runs()):
            key = (result.run.domain, result.run.method)
            if key not in best or result.tuning_reward > best[key].tuning_reward:
                best[key] = result
        return {key: result.run.rate for key, result in best.items()}

    def results(self, runs: Sequence[Run]) -> list[Result]:
        """Those of `runs` that are finished, here or wherever what is kept was made; raises UserError for one here
        that was made with other settings."""
        done = [run for run in runs if finished(self.folder / run.name, self.plan.steps)]
        for run in done:
            check_settings(self.folder / run.name, self.plan.overrides)
        self._kept.add(read(run, self.folder / run.name) for run in done)
        kept = self._kept.read()
        return [kept[run] for run in runs if run in kept]

    def reported(self) -> list[Result]:
        """The results of the plan's runs, and of further seeds of them that are kept: what is known is not left out."""
        planned = self.plan.runs(self.chosen())
        results, (first, *_) = self.results(planned), self.plan.seeds
        kinds = {run for run in planned if run.seed == first}
        further = [
            result
            for run, result in self._kept.read().items()
            if run.seed not in (*self.plan.seeds, TUNING_SEED) and dataclasses.replace(run, seed=first) in kinds
        ]
        return results + sorted(further, key=lambda result: result.run.seed)

    def _make(self, runs: Sequence[Run], name: str) -> None:
        there = {result.run for result in self.results(runs)}
        missing = [run for run in runs if run not in there]
        with (
            tqdm(total=len(runs), initial=len(runs) - len(missing), desc=name, unit="run", disable=not runs) as bar,
            ThreadPoolExecutor(self.at_once) as pool,
        ):
            try:
                made = {pool.submit(self._train, run): run for run in missing}
                for future in as_completed(made):
                    future.result()
                    bar.set_postfix_str(made[future].name)
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._stop()
                raise

    def _train(self, run: Run) -> None:
        workdir = self.folder / run.name
        workdir.mkdir(parents=True, exist_ok=True)
        log = workdir / "train.log"
        command = run.command(workdir, self.plan.steps, self.plan.overrides)
        with open(log, "ab") as output:
            with self._lock:
                if self._stopped:
                    return
                process = subprocess.Popen(command, stdout=output, stderr=output)
                self._running.add(process)
            process.wait()
        with self._lock:
            self._running.remove(process)
        if not finished(workdir, self.plan.steps):
            self.failed[run.name] = log.read_text(errors="replace")[-2000:]

    def _stop(self) -> None:
        """Stopped from outside: the runs save themselves, and go on when the experiment does."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.send_signal(signal.SIGTERM)
