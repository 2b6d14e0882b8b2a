"""Traces of chosen steps with `jax.profiler`, under WORKDIR/profile, to be looked at with `xprof --logdir=…`.

The stages of a step have names in a trace: on the host by `stage`, on the device by `jax.named_scope` in the functions
themselves: `reshard`, `prefill`, `decode`, `draw` in rollouts; `vision`, `prompt`, `student`, `teacher`, `reference`,
`attention`, `divergence`, `optimizer` in updates.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import tempfile
from collections.abc import Iterator

import jax
from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.storage import is_remote, write_whole

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
stage = jax.profiler.TraceAnnotation


def chosen_steps(text: str) -> frozenset[int]:
    """The steps of `3-5,10`; raises UserError for anything else."""
    steps: set[int] = set()
    for part in filter(None, text.split(",")):
        found = _RANGE.fullmatch(part.strip())
        if not found:
            raise UserError(f"config.profile.steps={text!r} is no list of steps: write for instance 3-5,10")
        first, last = int(found[1]), int(found[2] or found[1])
        steps |= {*range(first, last + 1)}
    return frozenset(steps)


class Profiler:
    """Traces the steps of `text` (as `chosen_steps` reads it), consecutive ones together, into `workdir`/profile."""

    def __init__(self, text: str, workdir: epath.PathLike):
        self._steps, self._folder = chosen_steps(text), epath.Path(workdir) / "profile"
        self._local: tempfile.TemporaryDirectory | None = None
        self._tracing = False

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Around everything that makes step `number` (from 1 on)."""
        if number in self._steps and not self._tracing:
            self._start()
        try:
            with jax.profiler.StepTraceAnnotation("train", step_num=number):
                yield
        finally:
            if number + 1 not in self._steps:
                self.close()

    def close(self) -> None:
        """Ends a trace that a run has left in the middle."""
        if self._tracing:
            self._stop()

    def _start(self) -> None:
        # The profiler writes to folders only.
        self._local = tempfile.TemporaryDirectory() if is_remote(self._folder) else None
        jax.profiler.start_trace(self._local.name if self._local else str(self._folder))
        self._tracing = True

    def _stop(self) -> None:
        jax.profiler.stop_trace()
        self._tracing = False
        if self._local is None:
            return
        root = pathlib.Path(self._local.name)
        for path in filter(pathlib.Path.is_file, root.rglob("*")):
            write_whole(self._folder / str(path.relative_to(root)), path.read_bytes())
        self._local.cleanup()
