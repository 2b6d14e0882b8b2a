"""When something is a defect. Every threshold has its reason beside it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Limits of the detectors, in pixels of the render unless said otherwise.

    Attributes:
      edge: text may reach this far past an edge: anti-aliasing and side bearings, no glyph is cut.
      gone: share of an element outside the canvas from which it is not clipped but off the canvas.
      text_margin: text boxes are shrunk by this on each side before they are compared: they include line spacing.
      overlap_share: shared area, as a share of the smaller element, from which two texts collide.
      mark_share: share of a text that marks may cross. Labels next to a bar touch it; labels across it do not read.
      contrast, large_contrast: WCAG 2.2 AA, for text below and above `large_text`.
      large_text: WCAG's 18 pt at 96 dpi.
      readable: the smallest font size; below it Latin capitals are under 5 pixels tall.
      blank_share: share of pixels that differ from the background under which a render is empty.
      color_distance: RGB distance (components 0–1) from which a person sees another color.
    """

    edge: float = 1.5
    gone: float = 0.9
    text_margin: float = 1.0
    overlap_share: float = 0.08
    mark_share: float = 0.15
    contrast: float = 4.5
    large_contrast: float = 3.0
    large_text: float = 24.0
    readable: float = 7.0
    blank_share: float = 0.001
    color_distance: float = 0.2
