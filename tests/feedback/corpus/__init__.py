"""Seeded programs of all four kinds: clean designs, and the same with one injected defect."""

from __future__ import annotations

import importlib

import numpy as np

from tests.feedback.corpus.case import Case, Design, make_case

DOMAINS = ("chart", "web", "slide", "pptx")
AGAINST = ("missing_text", "extra_text", "wrong_text", "wrong_type", "wrong_color", "wrong_layout")
_DESIGNS = {"chart": "charts", "web": "pages", "slide": "slides", "pptx": "decks"}
# Families of designs that take turns.
FAMILIES = {"chart": 26, "web": 8, "slide": 8, "pptx": 8}
_DEFECTS = {"chart": "chart_defects", "web": "page_defects", "slide": "page_defects", "pptx": "deck_defects"}


def design(domain: str, seed: int) -> Design:
    """A clean program; the same arguments give the same one."""
    return _module(_DESIGNS[domain]).design(seed)


def kinds(domain: str) -> list[str]:
    """The kinds of defects that can be injected in a domain."""
    return list(_module(_DEFECTS[domain]).kinds(domain))


def case(domain: str, kind: str, seed: int) -> Case:
    """A pair of programs; designs that the kind does not suit are passed over."""
    inject, rng = _module(_DEFECTS[domain]).inject, np.random.default_rng([2, kinds(domain).index(kind), seed])
    while True:
        found = design(domain, int(rng.integers(1 << 30)))
        edit = inject(kind, found, rng)
        if edit:
            return make_case(domain, kind, found, edit, kind in AGAINST)


def _module(name: str):
    return importlib.import_module(f"tests.feedback.corpus.{name}")
