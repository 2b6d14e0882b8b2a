"""A run as training writes it: real matplotlib renders, defects measured on them, statements found by `ast`."""

import ast
import json
import re

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from vsdpo_jax import record
from vsdpo_jax.types import Credit, Defect, Prompt, RenderError, Reward, Rollout, Scene, Statement

ALPHA = 2.5
TOPICS = (
    ("Rainfall by month", "mm", ("Jan", "Feb", "Mar", "Apr", "May", "Jun"), (48, 39, 52, 61, 74, 66), "#3477b5"),
    (
        "Bicycles counted",
        "per hour",
        ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat"),
        (310, 345, 352, 330, 298, 140),
        "#2e8b57",
    ),
    ("Bread sold", "loaves", ("rye", "wheat", "spelt", "oat", "corn", "mixed"), (120, 210, 64, 38, 22, 95), "#b5651d"),
    ("Ferry delays", "minutes", ("A", "B", "C", "D", "E", "F"), (4, 12, 7, 19, 3, 9), "#6a4c93"),
)


def program(topic: int, flawed: bool) -> str:
    """Source of a bar chart; the flawed one has a title that is cut, a legend on the bars and a pale label."""
    title, unit, names, values, color = TOPICS[topic % len(TOPICS)]
    long_title = f"{title}, all stations and all years taken together, mean of the days that were measured"
    return "\n".join(
        [
            "import matplotlib.pyplot as plt",
            "",
            f"names = {list(names)}",
            f"values = {list(values)}",
            "",
            "fig, ax = plt.subplots(figsize=(5.2, 3.6), dpi=100)",
            f'ax.bar(names, values, color="{color}", label="{unit}")',
            f'ax.set_title("{long_title if flawed else title}", fontsize={15 if flawed else 13})',
            f'ax.set_ylabel("{unit}"{", color=" + repr("#e9e9e9") if flawed else ""})',
            f'ax.legend(loc="{"center" if flawed else "upper right"}")',
            "ax.set_ylim(0, max(values) * 1.25)" if not flawed else "ax.set_ylim(0, max(values))",
            'ax.spines[["top", "right"]].set_visible(False)',
            "",
        ]
    )


def statements(source: str) -> list[Statement]:
    starts = np.cumsum([0] + [len(line) for line in source.splitlines(keepends=True)])
    return [
        Statement(
            int(starts[node.lineno - 1]),
            int(starts[node.end_lineno - 1]) + node.end_col_offset,
            node.lineno,
            node.end_lineno,
        )
        for node in ast.parse(source).body
    ]


def render(source: str) -> tuple[Scene, tuple[Defect, ...]]:
    """Runs one of our own programs and measures what is wrong with its picture."""
    names: dict = {}
    exec(source, names)
    figure, axes = names["fig"], names["ax"]
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    height, width = image.shape[:2]

    def box(artist):
        extent = artist.get_window_extent()
        return (float(extent.x0), float(height - extent.y1), float(extent.x1), float(height - extent.y0))

    def by(text):
        return tuple(one for one in statements(source) if text in source[one.start : one.end])

    defects = []
    title, legend = box(axes.title), box(axes.get_legend())
    if title[2] > width:
        message = f"the title runs {title[2] - width:.0f} px past the right edge"
        defects.append(Defect("clipped_text", message, (title,), statements=by("set_title")))
    bars = [box(bar) for bar in axes.patches]
    hit = [bar for bar in bars if bar[0] < legend[2] and bar[2] > legend[0] and bar[1] < legend[3]]
    if hit:
        message = f"the legend covers {len(hit)} bars"
        defects.append(Defect("overlap", message, (legend, *hit[:2]), statements=by("legend") + by("ax.bar")))
    if axes.yaxis.label.get_color() == "#e9e9e9":
        message = "the y label has a contrast of 1.2 with its background"
        defects.append(
            Defect("low_contrast", message, (box(axes.yaxis.label),), statements=by("set_ylabel"), severity=1.0)
        )
    plt.close(figure)
    return Scene(source, "chart", image, width, height, statements=tuple(statements(source))), tuple(defects)


def make_record(
    topic: int, quality: str, rng: np.random.Generator, target: np.ndarray, advantage=None, prompt_text=None
):
    """One rollout: `flawed`, `clean` or `failed`."""
    title, unit, *_ = TOPICS[topic % len(TOPICS)]
    source = program(topic, flawed=quality == "flawed")
    defects: tuple[Defect, ...] = ()
    if quality == "failed":
        source = source.replace("ax.bar(names, values", "ax.bar(names, value")
        guilty = next(one for one in statements(source) if "ax.bar" in source[one.start : one.end])
        error = RenderError(
            "python-error",
            "NameError: name 'value' is not defined",
            f'Traceback (most recent call last):\n  File "candidate.py", line {guilty.line_start}, in <module>\n'
            f"    {source[guilty.start : guilty.end]}\nNameError: name 'value' is not defined",
            guilty,
        )
        scene = Scene(source, "chart", statements=tuple(statements(source)), error=error)
        defects = (Defect("execution_error", error.message, statements=(guilty,)),)
    else:
        scene, defects = render(source)
    text = f"Here is the chart.\n```python\n{source}```"
    spans = np.array(
        [match.span() for match in re.finditer(r"\s*\w{1,6}|\s*[^\w\s]|\s+", text)] + [(len(text),) * 2], np.int32
    )
    start = text.index("import")
    blame = {one: 1.0 - 0.4 * rank for defect in defects for rank, one in enumerate(defect.statements)}
    responsibility = np.zeros(len(spans), np.float32)
    for one, share in blame.items():
        inside = (spans[:, 0] < one.end + start) & (spans[:, 1] > one.start + start)
        responsibility[inside] = np.maximum(responsibility[inside], share)
    weights = 1 + (ALPHA - 1) * responsibility
    divergence = rng.exponential(0.04 + 0.8 * responsibility * rng.random(len(spans)))
    prompt = Prompt(
        id=f"chart/heldout/{topic:06d}",
        kind="chart",
        text=prompt_text or f"Write matplotlib code that draws the chart in the picture.\nTitle: {title}\nUnit: {unit}",
        images=(target,),
    )
    rollout = Rollout(prompt.id, np.arange(len(spans)), np.zeros(len(spans)), text, spans, source, start, False)
    visual = {"flawed": 0.46, "clean": 0.93, "failed": 0.0}[quality] + 0.05 * rng.random() * (quality != "failed")
    parts = {"text": min(visual + 0.1, 1), "layout": visual, "color": min(visual + 0.05, 1)} if visual else {}
    reward = Reward(visual, float(quality != "failed"), visual, parts)
    credit = Credit(tuple((one, blame.get(one, 0.0)) for one in scene.statements), weights)
    return record.RolloutRecord.build(prompt, rollout, scene, defects, credit, reward, advantage, divergence)


def write_sample_run(workdir, topics: int = 3, steps: int = 60, finished: bool = True, prompt_text=None):
    """Writes summary, metrics and rollouts of a run of `steps` steps."""
    rng = np.random.default_rng(0)
    workdir.mkdir(parents=True, exist_ok=True)
    before = {"reward": 0.41, "reward_stderr": 0.03, "exec_rate": 0.72, "defects_per_render": 1.9}
    after = {"reward": 0.66, "reward_stderr": 0.02, "exec_rate": 0.94, "defects_per_render": 0.6}
    summary = {"before": before, "after": after, "seconds": 561.3, "steps": steps} if finished else {"before": before}
    (workdir / "summary.json").write_text(json.dumps(summary))
    with open(workdir / "metrics.jsonl", "w") as file:
        for step in range(steps + 1):
            row = _metrics(step, step / steps, rng, before, after)
            file.write(json.dumps(row) + "\n")
    targets = [render(program(topic, flawed=False))[0].image for topic in range(topics)]

    def held_out(qualities):
        return [
            make_record(i, quality, rng, targets[i], prompt_text=prompt_text)
            for i, quality in enumerate(qualities[:topics])
        ]

    record.write_records(workdir, "before", held_out(["flawed", "failed", "flawed", "flawed"]))
    group = [
        make_record(0, quality, rng, targets[0], advantage)
        for quality, advantage in (("flawed", -0.31), ("clean", 0.62), ("failed", -1.4), ("flawed", -0.2))
    ]
    record.write_records(workdir, "step_000001", group)
    record.write_records(workdir, f"step_{steps:06d}", group[1:3])
    if finished:
        record.write_records(workdir, "after", held_out(["clean", "clean", "flawed", "clean"]))
    return workdir


def _metrics(step: int, done: float, rng: np.random.Generator, before: dict, after: dict) -> dict:
    noise = lambda size: float(rng.normal(0, size))  # noqa: E731
    row = {
        "step": step,
        "reward": before["reward"] + 0.25 * done + noise(0.05),
        "reward_std": 0.2 + noise(0.02),
        "exec_rate": min(1.0, 0.7 + 0.25 * done + noise(0.06)),
        "defects_per_render": max(0.0, 1.9 - 1.2 * done + noise(0.2)),
        "self_distillation/kl": 0.32 * np.exp(-2 * done) + abs(noise(0.02)),
        "entropy": 0.9 - 0.4 * done + noise(0.03),
        "grad_norm": 1.2 + abs(noise(0.3)),
        "completions/mean_length": 190 - 20 * done + noise(6),
        "defects/clipped_text": max(0.0, 0.9 - 0.7 * done + noise(0.1)),
        "defects/overlap": max(0.0, 0.6 - 0.3 * done + noise(0.1)),
        "defects/low_contrast": max(0.0, 0.4 - 0.2 * done + noise(0.1)),
        "timing_s/rollout": 4.2 + abs(noise(0.3)),
        "timing_s/render": 1.1 + abs(noise(0.2)),
        "timing_s/update": 2.8 + abs(noise(0.1)),
    }
    if step % 10 == 0:
        row["timing_s/eval"] = 11.0
        share = min(1.0, done + noise(0.04)) if 0 < done < 1 else done
        row |= {
            f"eval/{key}": before[key] + (after[key] - before[key]) * share
            for key in before
            if not key.endswith("stderr")
        }
    return row


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory):
    return write_sample_run(tmp_path_factory.mktemp("runs") / "demo")
