"""Training curves as SVG, drawn from the rows of `metrics.jsonl`."""

from __future__ import annotations

import dataclasses
import math
import operator

from vsdpo_jax.report.markup import escape, number

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 42, 10, 10, 24
MAX_POINTS = 300
MAX_LAYERS = 6
# Parts of a stack add up; these are sums, or do not belong to the step.
NOT_STACKED = ("step", "total", "eval")

Points = list[tuple[float, float]]
Row = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Curve:
    """One chart: a training metric as a line and, where there is one, its held-out counterpart as dots."""

    title: str
    key: str
    eval_key: str = ""
    unit: str = ""
    from_zero: bool = True


@dataclasses.dataclass(frozen=True)
class Stack:
    """One chart of metrics that add up: all whose names start with `prefix`."""

    title: str
    prefix: str
    unit: str


CURVES = (
    Curve("Reward", "reward", "eval/reward"),
    Curve("Execution rate", "exec_rate", "eval/exec_rate"),
    Curve("Defects per render", "defects_per_render", "eval/defects_per_render"),
    Curve("KL to the teacher", "self_distillation/kl", unit="nats per token"),
    Curve("KL at defects", "self_distillation/kl_defect", unit="nats per token"),
    Curve("Teacher over student at defects", "self_distillation/uplift_defect", unit="nats per token", from_zero=False),
    Curve("Loss on given responses", "sft/nll", unit="nats per token"),
    Curve("Entropy", "entropy", unit="nats per token"),
    Curve("Gradient norm", "grad_norm"),
    Curve("Response length", "completions/mean_length", unit="tokens", from_zero=False),
    Curve("Throughput", "perf/throughput", unit="tokens per second and device"),
    Curve("Rendering hidden behind decoding", "overlap/fraction", unit="share"),
)
STACKS = (
    Stack("Defects by kind", "defects/", "per rollout"),
    Stack("Time per step", "timing_s/", "seconds"),
)


def charts(metrics: list[Row]) -> str:
    """Returns one `<figure>` for each curve and each stack that the run has metrics for."""
    figures = [_line_chart(curve, metrics) for curve in CURVES if series(metrics, curve.key)]
    return "".join(figures + [_stacked_chart(stack, metrics) for stack in STACKS])


def sparkline(metrics: list[Row], key: str) -> str:
    """Returns a small line without axes, empty when there are fewer than two points."""
    points = series(metrics, key)
    if len(points) < 2:
        return ""
    scale = _Scale(points, width=120, height=30, margins=(4, 4, 5, 5), from_zero=False)
    x, y = scale.place(*points[-1])
    return (
        f'<svg class="spark" viewBox="0 0 120 30" aria-hidden="true"><path d="{_path(points, scale)}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/></svg>'
    )


def series(metrics: list[Row], key: str) -> Points:
    """Returns (step, value) of a metric at the steps that have it."""
    return [(row["step"], row[key]) for row in metrics if key in row]


def thin(points: Points, limit: int = MAX_POINTS) -> Points:
    """Returns at most `limit` points: means of equally many neighbours each."""
    if len(points) <= limit:
        return points
    edges = [round(index * len(points) / limit) for index in range(limit + 1)]
    chunks = [points[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    return [(sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk)) for chunk in chunks]


def smooth(points: Points) -> Points:
    """Returns a local linear fit over a tenth of the run to either side, nearer points counting more (LOESS).

    A moving average would lag behind a trend, or be bent at the ends of the run, where people look first.
    """
    reach = max(1, len(points) // 10)
    smoothed = []
    for index, (x, _) in enumerate(points):
        window = range(max(0, index - reach), min(len(points), index + reach + 1))
        shares = [reach + 1 - abs(other - index) for other in window]
        total = sum(shares)
        shifts = [other - index for other in window]
        values = [points[other][1] for other in window]
        mean_shift = sum(map(operator.mul, shares, shifts)) / total
        mean_value = sum(map(operator.mul, shares, values)) / total
        spread = sum(w * (d - mean_shift) ** 2 for w, d in zip(shares, shifts, strict=True))
        slope = sum(w * (d - mean_shift) * y for w, d, y in zip(shares, shifts, values, strict=True)) / (spread or 1.0)
        smoothed.append((x, mean_value - slope * mean_shift))
    return smoothed


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Returns about `count` round numbers that cover [low, high]."""
    span = (high - low) or abs(high) or 1.0
    power = 10 ** math.floor(math.log10(span / count))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if span / (power * factor) <= count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


class _Scale:
    """Maps (step, value) to pixels; its value axis ends at round numbers."""

    def __init__(
        self,
        points: Points,
        width: int = WIDTH,
        height: int = HEIGHT,
        margins: tuple[int, int, int, int] = (LEFT, RIGHT, TOP, BOTTOM),
        from_zero: bool = True,
    ):
        left, right, top, bottom = margins
        steps, values = [x for x, _ in points], [y for _, y in points]
        low, high = min(values), max(values)
        if from_zero and low >= 0:
            low = 0.0
        self.ticks = ticks(low, high)
        self.left, self.right, self.top, self.bottom = left, width - right, top, height - bottom
        self.first, self.last = min(steps), max(steps)
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def place(self, step: float, value: float) -> tuple[float, float]:
        across = (step - self.first) / ((self.last - self.first) or 1.0)
        up = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)


def _path(points: Points, scale: _Scale) -> str:
    return "M" + "L".join("{:.1f} {:.1f}".format(*scale.place(*point)) for point in points)


def _line_chart(curve: Curve, metrics: list[Row]) -> str:
    points = thin(series(metrics, curve.key))
    held_out = thin(series(metrics, curve.eval_key)) if curve.eval_key else []
    scale = _Scale(points + held_out, from_zero=curve.from_zero)
    trend = smooth(points)
    parts = [_axes(scale), f'<path class="raw" d="{_path(points, scale)}"/>']
    parts.append(f'<path class="trend" d="{_path(trend, scale)}"/>')
    parts.append(_pointer(trend, scale))
    keys = '<span class="key trend">training</span>'
    if held_out:
        parts.append(f'<path class="held" d="{_path(held_out, scale)}"/>')
        places = (scale.place(*point) for point in held_out)
        parts += [f'<circle class="held" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places]
        keys += '<span class="key held">held out</span>'
    first, last = trend[0], trend[-1]
    label = f"{curve.title}: {_value(first[1])} at step {first[0]:.0f}, {_value(last[1])} at step {last[0]:.0f}"
    return _figure(curve.title, curve.unit, keys if held_out else "", label, parts)


def _layers(metrics: list[Row], prefix: str) -> list[str]:
    """The metrics below `prefix` that add up, the largest first."""
    sums: dict[str, float] = {}
    for row in metrics:
        for key, value in row.items():
            if key.startswith(prefix) and key.removeprefix(prefix) not in NOT_STACKED:
                sums[key] = sums.get(key, 0.0) + value
    return sorted((key for key in sums if sums[key] > 0), key=sums.get, reverse=True)[:MAX_LAYERS]


def _stacked_chart(stack: Stack, metrics: list[Row]) -> str:
    layers = _layers(metrics, stack.prefix)
    if not layers:
        return ""
    rows = [row for row in metrics if any(layer in row for layer in layers)]
    columns = [thin([(row["step"], row.get(layer, 0.0)) for row in rows], MAX_POINTS // 2) for layer in layers]
    tops = [[(x, 0.0) for x, _ in columns[0]]]
    for column in columns:
        tops.append([(x, below + y) for (_, below), (x, y) in zip(tops[-1], column, strict=True)])
    scale = _Scale(tops[-1] + tops[0])
    parts, keys, means = [], "", []
    for index, (layer, column) in enumerate(zip(layers, columns, strict=True)):
        name = layer.removeprefix(stack.prefix).replace("_", " ")
        outline = tops[index + 1] + tops[index][::-1]
        parts.append(f'<path class="area layer{index}" d="{_path(outline, scale)}Z"/>')
        keys += f'<span class="key layer{index}">{escape(name, 24)}</span>'
        means.append(f"{name} {_value(sum(y for _, y in column) / len(column))}")
    label = f"{stack.title}, means: {', '.join(means)}"
    return _figure(stack.title, stack.unit, keys, label, [*parts, _axes(scale)])


def _axes(scale: _Scale) -> str:
    parts = []
    step = scale.ticks[1] - scale.ticks[0]
    for tick in scale.ticks:
        _, y = scale.place(scale.first, tick)
        parts.append(f'<line class="grid" x1="{scale.left}" x2="{scale.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{scale.left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{_tick(tick, step)}</text>')
    middle = [
        tick for tick in ticks(scale.first, scale.last) if scale.first <= tick <= scale.last and tick == round(tick)
    ]
    for tick in middle or [scale.first]:
        x, _ = scale.place(tick, scale.low)
        parts.append(f'<text x="{x:.1f}" y="{scale.bottom + 16}" text-anchor="middle">{tick:.0f}</text>')
    return f'<g class="axes">{"".join(parts)}</g>'


def _pointer(points: Points, scale: _Scale) -> str:
    """What the page's script shows under the pointer: x, y, step and value of each point, and the marks to move."""
    data = ";".join("{:.1f},{:.1f},{:.0f},{}".format(*scale.place(x, y), x, _value(y)) for x, y in points)
    line = f'<line y1="{scale.top}" y2="{scale.bottom}"/>'
    return f'<g class="pointer" data-points="{data}">{line}<circle r="3.5"/></g>'


def _figure(title: str, unit: str, keys: str, label: str, parts: list[str]) -> str:
    unit = f' <span class="unit">{escape(unit)}</span>' if unit else ""
    return (
        f'<figure class="chart"><figcaption><b>{escape(title)}</b>{unit}<span class="at"></span>'
        f'<span class="keys">{keys}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg></figure>'
    )


def _tick(value: float, step: float) -> str:
    """All ticks of an axis have the same number of decimals: as many as its step needs."""
    if step < 1e-4:
        return _value(value)
    digits = next(digits for digits in range(6) if math.isclose(round(step, digits), step, rel_tol=1e-6))
    return number(value, digits).replace(",", "\u2009")


def _value(value: float) -> str:
    if value and abs(value) < 0.01:
        return f"{value:.0e}".replace("e-0", "e-").replace("-", "\u2212")
    return number(value, 0 if abs(value) >= 10 or value == round(value) else 2).replace(",", "\u2009")
