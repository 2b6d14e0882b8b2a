"""Precision, recall and credit of the detectors on programs with injected defects and their clean twins."""

import json

import pytest

from tests.feedback.corpus import DOMAINS, kinds
from tests.feedback.corpus.measure import ALARMS, LEAST, Figures, Report, measure

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


def test_reports_of_parts_add_up_and_survive_being_written_down():
    first = Report("web", {"overlap": Figures(cases=2, hits=1, wrong=1, named=2, charged=1)}, clean=3, alarms=1)
    second = Report("web", {"overlap": Figures(wrong=1), "overflow": Figures(cases=1, hits=1)}, clean=2, notes=["a"])
    total = Report.from_json(json.loads(json.dumps(first.as_json())))
    total.add(second)
    assert (total.clean, total.alarms, total.notes) == (5, 1, ["a"])
    overlap = total.figures["overlap"]
    assert (overlap.recall, overlap.precision, overlap.credit) == (0.5, pytest.approx(1 / 3), 0.5)
    assert total.figures["overflow"].recall == 1 and first.figures["overlap"].wrong == 1
    assert "overlap recall 0.50" in total.shortfalls(LEAST, ALARMS)[0]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("domain", DOMAINS)
def test_fifty_of_each_kind(farm, domain):
    report = measure(farm, domain, 50)
    assert min(figures.cases for figures in report.figures.values()) >= 50
    assert report.shortfalls(LEAST, ALARMS) == [], report.all_notes()
