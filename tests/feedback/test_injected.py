"""Precision, recall and credit of the detectors on programs with injected defects and their clean twins."""

import pytest

from tests.feedback.corpus import DOMAINS, kinds
from tests.feedback.corpus.measure import ALARMS, LEAST, measure

# One program of each of these a domain shows that renderer, detectors and credit still fit together.
SAMPLE = {
    "chart": ("overlap", "clipped_text", "misalignment", "wrong_layout"),
    "web": ("overflow", "low_contrast", "missing_glyph"),
    "slide": ("white_space", "collision", "aspect_ratio"),
    "pptx": ("unreadable_size", "imbalance", "off_canvas"),
}


@pytest.mark.parametrize("domain", DOMAINS)
def test_one_of_some_kinds(farm, domain):
    report = measure(farm, domain, 1, SAMPLE[domain])
    assert set(SAMPLE[domain]) <= set(kinds(domain))
    assert report.shortfalls(LEAST, ALARMS) == [], report.all_notes()


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("domain", DOMAINS)
def test_fifty_of_each_kind(farm, domain):
    report = measure(farm, domain, 50)
    assert min(figures.cases for figures in report.figures.values()) >= 50
    assert report.shortfalls(LEAST, ALARMS) == [], report.all_notes()
