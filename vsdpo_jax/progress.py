"""What a person sees while a run goes on, and the table at its end."""

from __future__ import annotations

from collections.abc import Mapping

from absl import flags, logging
from tqdm import tqdm

_SHOWN = (("reward", "reward {:.3f}"), ("exec_rate", "runs {:.0%}"), ("defects_per_render", "defects {:.2f}"))
_LOSSES = (("self_distillation/kl", "KL {:.4f}"), ("sft/nll", "nll {:.3f}"), ("sft/revision_nll", "revision {:.3f}"))
_STAGES = ("rollout", "render", "update")
_ROWS = (
    ("reward", "reward", "{:.3f}"),
    ("exec_rate", "executes", "{:.1%}"),
    ("defects_per_render", "defects per render", "{:.2f}"),
)


def quiet_libraries() -> None:
    """Warnings only, unless `--verbosity` asks for more: libraries narrate every checkpoint at the default level."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)


class Progress:
    """A progress bar over training steps; a context manager."""

    def __init__(self, steps: int, done: int, shown: bool = True):
        self._shown = shown
        self._bar = tqdm(total=steps, initial=done, unit="step", dynamic_ncols=True, disable=not shown)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()

    def update(self, metrics: Mapping[str, float]) -> None:
        """Advance by one step and show its figures and the seconds of its stages."""
        shown = [form.format(metrics[name]) for name, form in _SHOWN + _LOSSES if name in metrics]
        stages = [f"{name} {metrics[f'timing_s/{name}']:.1f}s" for name in _STAGES if f"timing_s/{name}" in metrics]
        if "overlap/fraction" in metrics:
            stages.append(f"{metrics['overlap/fraction']:.0%} of rendering hidden")
        self._bar.set_postfix_str(" · ".join(shown + stages), refresh=False)
        self._bar.update()

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        if self._shown:
            self._bar.write(message)


def table(before: Mapping[str, float] | None, after: Mapping[str, float]) -> str:
    """before -> after on held-out prompts, as lines of text; None: what was before is lost."""
    lines = [f"{'held-out prompts':<20} {'before':>9} {'after':>9} {'change':>9}"]
    for name, label, form in _ROWS:
        values = ["–", form.format(after[name]), "–"]
        if before is not None:
            change = after[name] - before[name]
            values = [form.format(before[name]), values[1], ("+" if change >= 0 else "") + form.format(change)]
        lines.append(f"{label:<20} " + " ".join(f"{value:>9}" for value in values))
    return "\n".join(lines)
