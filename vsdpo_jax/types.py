"""The host-side dataclass at every boundary, and the shape alphabet.

    Prompt -> Rollout -> Scene -> Defect -> Credit -> PackedBatch -> TrainState

`PackedBatch` and `TrainState` live on the device and are defined where they are made (`pack.py`,
`objective/step.py`). Everything here is NumPy and standard library: render workers import it, and they
must never import JAX.

Shape alphabet (arrays that cross a module boundary carry it as a suffix, `logp_ngr`, or in the docstring):

    N prompts      G rollouts per prompt   P prefix length    R response length   F feedback length
    I images       S patches per image     M merged visual tokens per image (S / 4)
    V vocabulary   D model width           H query heads      K key/value heads   A head dim    L layers

Boxes are `(left, top, right, bottom)` in pixels of the rendered image, origin at the top left.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Prompt:
    """One task: what the student is shown, and what its render is compared with.

    Attributes:
      id: unique and stable, for instance `chart/train/000123`.
      kind: the renderer of the answer: `chart`, `web`, `slide` or `pptx`.
      text: the instruction, without chat markup.
      images: the images in the prompt, each uint8[height, width, 3].
      reference: source code of the reference, empty if there is none. Never shown to the student.
      reference_scene: the rendered reference, or None.
    """

    id: str
    kind: str
    text: str
    images: tuple[np.ndarray, ...] = ()
    reference: str = ""
    reference_scene: Scene | None = None


@dataclasses.dataclass(frozen=True)
class Rollout:
    """One response that the student sampled.

    Attributes:
      prompt_id: `Prompt.id`.
      tokens: int32[R], the sampled ids, the end-of-turn token included when the student wrote one.
      logp: float32[R], log-probability of each sampled id under the sampler, at its temperature.
      text: the decoded response.
      spans: int32[R, 2], the characters [start, end) of `text` that each sampled id wrote. They come from
        the ids themselves; `text` is never tokenised again. Special tokens have empty spans.
      code: the program inside `text` (the fenced block, or all of it).
      code_start: index in `text` where `code` starts, so `code == text[code_start:code_start + len(code)]`.
      truncated: the response ran into the length limit before the end-of-turn token.
    """

    prompt_id: str
    tokens: np.ndarray
    logp: np.ndarray
    text: str
    spans: np.ndarray
    code: str
    code_start: int
    truncated: bool


@dataclasses.dataclass(frozen=True, order=True)
class Statement:
    """A statement of the source: characters [start, end), lines `line_start`..`line_end` (from 1, inclusive)."""

    start: int
    end: int
    line_start: int
    line_end: int


@dataclasses.dataclass(frozen=True)
class Element:
    """One visible thing in a render.

    Attributes:
      kind: `text`, `title`, `axis_label`, `tick_label`, `legend`, `legend_text`, `annotation`, `bar`, `line`,
        `points`, `wedge`, `image`, `patch`, `axes`, … for charts; the tag name for web pages; the
        shape type for slides.
      box: where it is drawn, unclipped.
      text: the text that it shows, or empty.
      clip: the box that clips it (its container, or the canvas).
      color: foreground RGB in 0–1, or None: of the letters of a text, of a mark, of the border of a box on a page.
      background: RGB in 0–1 of what lies behind a text, blended, or None.
      font_size: in pixels, 0 for what is not text.
      z_order: drawing order, larger is in front.
      statements: the statements that made it, the most responsible first; then its callers. Empty if unknown.
      group: elements that a person reads as one series, row or list share it (`axes0/bars`); empty if none.
      parts: smaller boxes that together cover what is drawn more closely than `box` does: the pieces of a line, the
        points of a scatter plot, the letters of slanted text. Empty if `box` is close enough.
      styles: (property, statement) for looks that a statement changed after the element was made: `color`, `fontsize`,
        `rotation`, `position`, `wrap`, `height`.
      natural_size: width and height of a picture before it was scaled, or None.
      visible: share of the pixels that it was drawn on which nothing in front hides, 0–1; None if the job did not ask,
        or if nothing of it lies on the canvas.
    """

    kind: str
    box: Box
    text: str = ""
    clip: Box | None = None
    color: tuple[float, float, float] | None = None
    background: tuple[float, float, float] | None = None
    font_size: float = 0.0
    z_order: float = 0.0
    statements: tuple[Statement, ...] = ()
    group: str = ""
    parts: tuple[Box, ...] = ()
    styles: tuple[tuple[str, Statement], ...] = ()
    natural_size: tuple[float, float] | None = None
    visible: float | None = None


@dataclasses.dataclass(frozen=True)
class RenderError:
    """Why there is no render.

    Attributes:
      status: `python-error`, `timeout`, `oom`, `died`, `no-result`, `output-limit` or `too-large`.
      message: one line, for instance `NameError: name 'value' is not defined`.
      traceback: the lines of the traceback that lie in the candidate, without paths of this machine.
      statement: the statement that failed, or None if none is known.
    """

    status: str
    message: str
    traceback: str = ""
    statement: Statement | None = None


@dataclasses.dataclass(frozen=True)
class ChartTraces:
    """What ChartMimic compares of two charts (`render/chart_traces.py`).

    Attributes:
      texts: the strings that are drawn, a line each, without tick labels of the figure's own x and y axes.
      layout: for every panel in a grid: the grid's rows and columns, its first and last row, first and last column.
      axes: all panels, with those that are in no grid.
      types: outermost calls by plotting function.
      colors: (function, `#RRGGBB` or name of a color map), each once, in order of appearance.
      colors_whole: false if an artist without a color ended the recording of colors.
      complete: the program ran to its end; else the traces are of what it drew before.
    """

    texts: tuple[str, ...]
    layout: tuple[tuple[int, ...], ...]
    axes: int
    types: tuple[tuple[str, int], ...]
    colors: tuple[tuple[str, str], ...]
    colors_whole: bool
    complete: bool


@dataclasses.dataclass(frozen=True)
class Scene:
    """What every renderer returns, whatever the domain.

    Attributes:
      source: the code that was rendered.
      kind: the renderer, as `Prompt.kind`.
      image: uint8[height, width, 3], or None when `error` is set.
      width, height: of the canvas in pixels; 0 when `error` is set.
      elements: in drawing order.
      statements: every statement of the source, in source order, also those that drew nothing.
      warnings: messages of the renderer that a person should know (missing glyphs, …).
      error: None if the code ran and drew something.
      seconds: wall time of the job in its worker.
      traces: of a chart, if the job asked for them and the program drew something; may be there beside an error.
      front: int16[height, width], index of the element in front at each pixel, -1 where there is none; None if the job
        did not ask for it.
      report: what a renderer of a benchmark measured besides, as unchecked JSON values; empty for all others.
    """

    source: str
    kind: str
    image: np.ndarray | None = None
    width: int = 0
    height: int = 0
    elements: tuple[Element, ...] = ()
    statements: tuple[Statement, ...] = ()
    warnings: tuple[str, ...] = ()
    error: RenderError | None = None
    seconds: float = 0.0
    traces: ChartTraces | None = None
    front: np.ndarray | None = None
    report: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Defect:
    """One thing that a person would complain about in a render.

    Attributes:
      kind: `overlap`, `clipped_text`, `overflow`, `off_canvas`, `misalignment`, `low_contrast`,
        `unreadable_size`, `missing_glyph`, `empty_render`, `aspect_ratio`, `white_space`, `imbalance`,
        `collision`; against a reference `missing_text`, `extra_text`, `wrong_text`, `wrong_type`,
        `wrong_color`, `wrong_layout`; and `execution_error`.
      message: a sentence as a person would say it ("the title runs 38 px past the right edge").
      boxes: its regions; empty for an execution error.
      elements: indices into `Scene.elements`.
      statements: the statements that caused it, the most responsible first.
      severity: 1.0 if it counts, 0.0 if it is only worth a remark.
    """

    kind: str
    message: str
    boxes: tuple[Box, ...] = ()
    elements: tuple[int, ...] = ()
    statements: tuple[Statement, ...] = ()
    severity: float = 1.0


@dataclasses.dataclass(frozen=True)
class Credit:
    """How much of the blame each sampled token carries.

    Attributes:
      responsibility: (statement, resp in 0–1) for every statement of the source, in source order.
      weights: float32[R], `1 + (alpha - 1) * resp(statement of the token)`, 1 outside every statement.
    """

    responsibility: tuple[tuple[Statement, float], ...]
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Reward:
    """r(y) = executed * visual. `parts` holds the named scores that `visual` is made of, each in 0–1."""

    total: float
    executed: float
    visual: float
    parts: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class GradedRollout:
    """A rollout with all that its render taught. `feedback` is the teacher's text, empty if there is nothing to say."""

    rollout: Rollout
    scene: Scene
    defects: tuple[Defect, ...]
    credit: Credit
    reward: Reward
    feedback: str


@dataclasses.dataclass(frozen=True)
class RolloutGroup:
    """The G graded rollouts of one prompt, in sampling order."""

    prompt: Prompt
    members: tuple[GradedRollout, ...]


@dataclasses.dataclass(frozen=True)
class TargetGroup:
    """Supervised items of one prompt: what `method=sft` trains on instead of rollouts.

    Attributes:
      prompt: the task.
      targets: G target responses.
      feedback: G feedback texts on some earlier attempt, which the target follows; empty where there is none.
      renders: G renders of that attempt, uint8[height, width, 3], or None.
      decisive: for each target the character spans that get extra weight.
      revised: for each target the spans that the feedback led to.
    """

    prompt: Prompt
    targets: tuple[str, ...]
    feedback: tuple[str, ...]
    renders: tuple[np.ndarray | None, ...]
    decisive: tuple[tuple[tuple[int, int], ...], ...]
    revised: tuple[tuple[tuple[int, int], ...], ...]
