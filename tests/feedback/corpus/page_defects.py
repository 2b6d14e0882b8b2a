"""One defect in a web page or an HTML slide: by a style rule, by an inline style, or by an element."""

from __future__ import annotations

import numpy as np

from tests.feedback.corpus import page_layout_defects as boxes
from tests.feedback.corpus import page_text_defects as text
from tests.feedback.corpus.case import Design, Edit

INJECTIONS = {
    "overlap": (text.note_on_heading, text.two_notes, text.pulled_up, text.covered),
    "clipped_text": (text.cut_item, text.cut_lead, text.over_the_edge, text.low_heading),
    "overflow": (boxes.wide_word, boxes.no_wrap, boxes.low_box, boxes.wide_picture),
    "off_canvas": (boxes.outside, boxes.sent_away),
    "misalignment": (boxes.shifted, boxes.by_rule, boxes.uneven, boxes.indented),
    "low_contrast": (text.pale_rule, text.pale_inline, text.dark_box),
    "unreadable_size": (text.tiny_rule, text.tiny_inline),
    "missing_glyph": (text.rare,),
    "empty_render": (boxes.invisible,),
    "aspect_ratio": (boxes.stretched, boxes.stretched_inline, boxes.tall_slide),
    "white_space": (boxes.small_print, boxes.left_out),
    "imbalance": (boxes.narrow_body, boxes.one_sided_boxes),
    "collision": (boxes.moved_box, boxes.negative_margin),
    "missing_text": (text.no_lead,),
    "extra_text": (text.more_text,),
    "wrong_text": (text.other_words,),
    "wrong_color": (text.other_color,),
    "wrong_layout": (boxes.other_place,),
}
_SLIDE_ONLY = ("white_space", "imbalance")


def kinds(domain: str) -> tuple[str, ...]:
    """What can be injected; only slides have a space to fill."""
    return tuple(kind for kind in INJECTIONS if domain == "slide" or kind not in _SLIDE_ONLY)


def inject(kind: str, design: Design, rng: np.random.Generator) -> Edit | None:
    """One of the ways to cause `kind` that suits the design, or None if none does."""
    ways = list(INJECTIONS[kind])
    for way in rng.permutation(len(ways)):
        edit = ways[way](design, rng)
        if edit is not None:
            return edit
    return None
