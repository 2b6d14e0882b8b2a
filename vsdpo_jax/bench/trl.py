"""Our update and our generation against TRL's `SDPOTrainer` on the same workload and machine, taking turns.

    python -m vsdpo_jax.bench --only=trl

Both train a Qwen3 text decoder of 5.6 M random parameters (text only: TRL's trainer takes no images) in float32 on two
threads: 8 prompts of about 168 tokens, 8 responses of 192 tokens to each, feedback of about 230 tokens that is always
used, full-vocabulary reverse KL plus the policy term, a live teacher and AdamW. TRL runs in an environment of its own,
which is made when there is none. It runs twice: with all rollouts at once, and with the micro-batches that ours uses.
Ours runs on one virtual device a core, as `XLA_FLAGS=--xla_force_host_platform_device_count=2` makes them. The
allocator of each is set as is best for it. Peaks are of resident memory during the stage.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import vsdpo_jax
from vsdpo_jax.bench.channel import Taken, Worker
from vsdpo_jax.bench.result import Line
from vsdpo_jax.bench.synthetic import Shape, length
from vsdpo_jax.errors import UserError

REQUIREMENTS = ("trl==1.16.0", "torch==2.13.0", "transformers==5.23.0")
ENVIRONMENT = Path("~/.cache/vsdpo_jax/bench/trl-1.16.0")
THREADS = 2
REPEATS, WARM_UP = 4, 2
MICRO_BATCHES = 4
STAGES = ("generate", "update")

TEXT = {
    "vocab_size": 4096,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 32,
}
SHAPE = Shape(prompts=8, branches=8, prefix=173, header=3, response=192, feedback=256, spread=0.09)
# Words around the feedback in TRL's reprompt; ours has as many tokens more, so that both teachers read the same number.
TEMPLATE = 14
# glibc hands large blocks back to the kernel and faults them in again. TRL spends half of its time in this without
# `KEEP_MEMORY`; ours takes one block for all temporaries, which goes back in any case and is best made of huge pages.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
KEEP_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(32 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}


def environment(folder: Path) -> Path:
    """The Python of TRL's environment in `folder`, which is made if there is none.

    Raises:
      UserError: it cannot be made (no network, no venv module).
    """
    folder = folder.expanduser()
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        print(f"installing {', '.join(REQUIREMENTS)} into {folder}: some minutes", file=sys.stderr, flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS],
        ):
            ended = subprocess.run(command, capture_output=True, text=True)
            if ended.returncode:
                last = (ended.stderr or ended.stdout).strip().splitlines()[-1:] or ["no message"]
                raise UserError(f"TRL's environment cannot be made in {folder}: {last[0]}")
        done.touch()
    return python


def theirs(micro_batches: int) -> dict:
    """The workload as `trl_worker.py` reads it."""
    n, header = SHAPE.prompts, SHAPE.header
    return {
        "model": TEXT,
        "prompt_lengths": [length(SHAPE.prefix, SHAPE.spread, i, n) + header for i in range(n)],
        "feedback_lengths": [length(SHAPE.feedback, SHAPE.spread, i, n) - header - TEMPLATE for i in range(n)],
        "branches": SHAPE.branches,
        "response": SHAPE.response,
        "micro_batches": micro_batches,
        "threads": THREADS,
    }


def ours() -> dict:
    """The workload as `sdpo_worker.py` reads it."""
    model = TEXT | {"mrope_section": (6, 5, 5)}
    settings = {"micro_batches": MICRO_BATCHES, "chunk": 512, "threads": THREADS}
    return {"model": model, "shape": dataclasses.asdict(SHAPE), **settings}


def take_turns(workers: dict[str, Worker], repeats: int, warm_up: int) -> dict[tuple[str, str], list[Taken]]:
    """What each stage took, by (worker, stage); the first `warm_up` rounds are not kept."""
    taken: dict[tuple[str, str], list[Taken]] = {(name, stage): [] for name in workers for stage in STAGES}
    for round_ in range(warm_up + repeats):
        for stage in STAGES:
            for name, worker in workers.items():
                answer = worker.ask(stage)
                if round_ >= warm_up:
                    taken[name, stage].append(answer)
    return taken


def lines(taken: dict[tuple[str, str], list[Taken]]) -> list[Line]:
    """Medians and ratios of every rival against ours."""
    rollouts = SHAPE.prompts * SHAPE.branches
    found = []
    for stage in STAGES:
        mine = _median(taken["ours", stage])
        if stage == "generate":
            rate = f"{rollouts * SHAPE.response / mine.seconds:.0f} tokens/s, "
        else:
            rate = f"{MICRO_BATCHES} micro-batches, "
        found.append(Line(f"trl/{stage}/ours", mine.seconds, "s", note=f"{rate}{_cost(mine)}"))
        for name in dict.fromkeys(name for name, _ in taken if name != "ours"):
            other = _median(taken[name, stage])
            ratio, memory = other.seconds / mine.seconds, other.peak / mine.peak
            note = f"{_cost(other)}; TRL takes {ratio:.2f}x the time and {memory:.2f}x the memory of ours"
            found.append(Line(f"trl/{stage}/{name}", other.seconds, "s", ratio=ratio, note=note))
    return found + token_lines(SHAPE)


def token_lines(shape: Shape) -> list[Line]:
    """Tokens that go through the model in one update, padding included: where most of the difference comes from."""
    rollouts = shape.prompts * shape.branches
    student = rollouts * (shape.prefix + shape.header + shape.response)
    teacher = rollouts * (shape.prefix + shape.feedback + shape.response)
    ours_student = shape.prompts * shape.prefix + rollouts * (shape.header + shape.response)
    ours_teacher = rollouts * (shape.feedback + shape.response)
    return [
        Line("trl/tokens/student", ours_student, "tokens", student / ours_student, f"TRL: {student}"),
        Line("trl/tokens/teacher", ours_teacher, "tokens", teacher / ours_teacher, f"TRL: {teacher}"),
    ]


def _median(answers: list[Taken]) -> Taken:
    fields = [field.name for field in dataclasses.fields(Taken) if field.name != "stage"]
    middle = {name: statistics.median(getattr(answer, name) for answer in answers) for name in fields}
    return Taken(answers[0].stage, **middle)


def _cost(taken: Taken) -> str:
    return f"{taken.user:.1f} s user, {taken.kernel:.1f} s kernel, peak {taken.peak:.2f} GiB"


def run(options) -> list[Line]:
    """Measures; `options` has `trl_environment`, a folder."""
    python = str(environment(Path(options.trl_environment)))
    root = str(Path(vsdpo_jax.__file__).parents[1])
    rival = [python, "-m", "vsdpo_jax.bench.trl_worker"]
    quiet = {"PYTHONPATH": root, "HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", **KEEP_MEMORY}
    with contextlib.ExitStack() as stack:
        logs = stack.enter_context(tempfile.TemporaryDirectory())

        def start(name, command, variables):
            return stack.enter_context(Worker(command, variables, os.path.join(logs, f"{name}.txt")))

        mine = [sys.executable, "-m", "vsdpo_jax.bench.sdpo_worker", json.dumps(ours())]
        workers = {"ours": start("ours", mine, {"PYTHONPATH": root, "JAX_PLATFORMS": "cpu", **HUGE_PAGES})}
        for name, micro_batches in (("TRL", 1), ("TRL_micro_batched", MICRO_BATCHES)):
            workers[name] = start(name, [*rival, json.dumps(theirs(micro_batches))], quiet)
        return lines(take_turns(workers, REPEATS, WARM_UP))
