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
      crossing: a line goes through a text if it runs through this share of the height of its middle half.
      legend_share: share of a legend that bars, lines or points may reach into: less looks like touching.
      legend_crossing: a line goes through a legend if it runs along this share of the legend's shorter side: a line has
        hardly any area.
      legend_area_share: the same for filled areas, which stay readable where a legend covers a little of them.
      ink: a box may reach this share of the font size past an edge as long as no ink touches the edge: text boxes keep
        room for descenders that the text may not have.
      contrast: WCAG 2.2 asks for 3 of large text and graphics and for 4.5 of small text. 3 counts here for all text:
        black numbers on Matplotlib's own blue have 4.3, and nobody complains about them.
      readable: the smallest font size; below it Latin capitals are under 5 pixels tall.
      blank_pixels: with fewer pixels that differ from the background a render is empty: less than one small letter.
      overflow: how far something may reach out of the box around it: borders and rounding.
      collision: share of the smaller of two boxes that the other may cover.
      aligned: edges this close look aligned.
      near: an edge farther off looks placed there on purpose.
      stretch: a picture this many times wider or taller than it should be looks distorted.
      uneven: spaces in a row of equal things that differ by more look uneven; below, it takes a ruler.
      taller: an HTML slide this many times higher than its screen has another shape; a little more is rounding.
      filled: a slide of which a smaller share of the middle is near any content looks unfinished.
      bare_side, full_side: a slide is lopsided if less of one half than the first is near any content, and more of the
        other than the second, and no text of the body stands in the first. Content of the other half alone reaches 0.2
        to 0.4 of a half.
      color_blind: CIELAB distance below which the colors of two series count as alike to people with protanopia,
        deuteranopia or tritanopia (simulated after Machado 2009). 0: not checked, because Matplotlib's own colors would
        fail; 10 is a difference that is seen at a glance.
      moved: share of the canvas from which a text is in another place than in the target.
      color_distance: RGB distance (components 0–1) from which a person sees another color.
    """

    edge: float = 1.5
    gone: float = 0.9
    text_margin: float = 1.0
    overlap_share: float = 0.08
    mark_share: float = 0.15
    contrast: float = 3.0
    crossing: float = 0.9
    legend_share: float = 0.02
    legend_crossing: float = 0.4
    legend_area_share: float = 0.15
    ink: float = 0.35
    readable: float = 7.0
    blank_pixels: int = 24
    overflow: float = 3.0
    collision: float = 0.08
    aligned: float = 2.0
    near: float = 24.0
    stretch: float = 1.15
    moved: float = 0.15
    uneven: float = 6.0
    taller: float = 1.04
    filled: float = 0.35
    bare_side: float = 0.43
    full_side: float = 0.6
    color_blind: float = 0.0
    color_distance: float = 0.2
