"""Recall, precision, credit and false alarms of the detectors on the corpus."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tests.feedback.corpus import case, design, kinds
from tests.feedback.corpus.case import Case
from vsdpo_jax.feedback.credit import responsibilities
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Defect, Scene

# Pairs of scenes in memory at a time.
BATCH = 40
# What the figures of a kind must reach, and the share of clean renders with a report that is still fine.
LEAST, ALARMS = 0.95, 0.03
# The part of a domain that is no kind: clean programs alone.
DESIGNS = "designs"


@dataclasses.dataclass
class Figures:
    """What was found for one kind in one domain.

    Attributes:
      cases: programs with an injected defect of the kind.
      hits: of them, those in which the kind was reported.
      wrong: renders without such a defect (clean ones, and ones with another injected kind) that were reported.
      named: cases in which some statement is responsible.
      charged: of them, those in which it has the highest credit, alone or with others.
      alone: of them, those in which no other statement has as much.
      notes: what went wrong, for people.
    """

    cases: int = 0
    hits: int = 0
    wrong: int = 0
    named: int = 0
    charged: int = 0
    alone: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.cases)

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + self.wrong)

    @property
    def credit(self) -> float | None:
        return self.charged / self.named if self.named else None


@dataclasses.dataclass
class Report:
    """The figures of one domain: by kind, and how many clean renders had any defect."""

    domain: str
    figures: dict[str, Figures]
    clean: int = 0
    alarms: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def alarm_rate(self) -> float:
        return self.alarms / max(1, self.clean)

    def add(self, other: Report) -> None:
        """Takes the counts of another part of the same domain in."""
        self.clean += other.clean
        self.alarms += other.alarms
        self.notes += other.notes
        for kind, theirs in other.figures.items():
            ours = self.figures.setdefault(kind, Figures())
            for field in dataclasses.fields(Figures):
                setattr(ours, field.name, getattr(ours, field.name) + getattr(theirs, field.name))

    def as_json(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict) -> Report:
        figures = {kind: Figures(**counts) for kind, counts in values["figures"].items()}
        return cls(**{**values, "figures": figures})

    def all_notes(self) -> list[str]:
        return [*self.notes, *(note for figures in self.figures.values() for note in figures.notes)]

    def shortfalls(self, least: float, alarms: float) -> list[str]:
        """What does not reach the aim, in words."""
        found = []
        for kind, figures in self.figures.items():
            if figures.cases:
                values = {"recall": figures.recall, "precision": figures.precision, "credit": figures.credit}
                found += [
                    f"{kind} {name} {value:.2f}"
                    for name, value in values.items()
                    if value is not None and value < least
                ]
        return found + ([f"false alarms {self.alarm_rate:.1%}"] if self.alarm_rate > alarms else [])


def parts(domain: str) -> list[str]:
    """What `measure_part` measures one by one: the kinds that can be injected, and clean designs."""
    return [*kinds(domain), DESIGNS]


def measure(farm: RenderFarm, domain: str, count: int, only: Sequence[str] = (), first: int = 0) -> Report:
    """Renders `count` pairs of each kind and `count` clean designs, and compares what is reported with the truth."""
    report = empty_report(domain)
    for part in [*(only or kinds(domain)), DESIGNS]:
        report.add(measure_part(farm, domain, part, count, first))
    return report


def empty_report(domain: str) -> Report:
    return Report(domain, {kind: Figures() for kind in kinds(domain)})


def measure_part(farm: RenderFarm, domain: str, part: str, count: int, first: int = 0) -> Report:
    """The share of one part in the report of a domain; programs are those with seeds from `first`."""
    report, seeds = empty_report(domain), range(first, first + count)
    if part == DESIGNS:
        sources = [design(domain, seed).source for seed in seeds]
        for source, scene in zip(sources, farm.render(sources, domain), strict=True):
            _alarm(report, detect(_drawn(_settled(farm, scene))), "a design", source)
        return report
    cases = [case(domain, part, seed) for seed in seeds]
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        scenes = [
            (
                farm.submit(one.clean, domain),
                farm.submit(one.flawed, domain),
                one.reference and farm.submit(one.reference, domain),
            )
            for one in batch
        ]
        for one, futures in zip(batch, scenes, strict=True):
            clean, flawed, reference = (future and _settled(farm, future.result()) for future in futures)
            _clean(report, one, clean, reference)
            _flawed(report, one, flawed, reference)
    return report


def _settled(farm: RenderFarm, scene: Scene) -> Scene:
    """What a busy machine did not finish in time is tried once more."""
    if scene.error is not None and scene.error.status in ("timeout", "died"):
        return farm.submit(scene.source, scene.kind).result()
    return scene


def _drawn(scene: Scene) -> Scene:
    assert scene.error is None, f"{scene.error.message}\n{scene.source}"
    return scene


def _clean(report: Report, one: Case, scene: Scene, reference: Scene | None) -> None:
    defects = detect(_drawn(scene), reference)
    _alarm(report, defects, f"{one.kind}, {one.injection}, {one.family}", one.clean)


def _alarm(report: Report, defects: Sequence[Defect], name: str, source: str) -> None:
    report.clean += 1
    report.alarms += bool(defects)
    for kind in {defect.kind for defect in defects}:
        _figures(report, kind).wrong += 1
    report.notes += [f"FALSE ALARM on {name}: {defect.kind}: {defect.message}\n{source}" for defect in defects]


def _figures(report: Report, kind: str) -> Figures:
    return report.figures.setdefault(kind, Figures())


def _flawed(report: Report, one: Case, scene: Scene, reference: Scene | None) -> None:
    defects = detect(_drawn(scene), reference)
    figures = report.figures[one.kind]
    figures.cases += 1
    name = f"{one.kind}, {one.injection}, {one.family}"
    hits = [defect for defect in defects if defect.kind == one.kind]
    said = "; ".join(f"{defect.kind}: {defect.message}" for defect in defects)
    if not hits:
        figures.notes.append(f"MISSED {name} at {sorted(one.lines)}: {said}\n{one.flawed}")
    figures.hits += bool(hits)
    for kind in {defect.kind for defect in defects} - {one.kind} - one.also:
        _figures(report, kind).wrong += 1
        figures.notes.append(f"CROSS {name} reported as {kind}: {said}\n{one.flawed}")
    if one.lines:
        figures.named += 1
        best = _most_charged(scene, hits)
        guilty = [start in one.lines for start, _ in best]
        figures.charged += any(guilty)
        figures.alone += all(guilty) and bool(guilty)
        if not any(guilty) and hits:
            figures.notes.append(f"CHARGED {sorted(best)} and not {sorted(one.lines)} {name}: {said}\n{one.flawed}")


def _most_charged(scene: Scene, defects: Sequence[Defect]) -> list[tuple[int, int]]:
    resp = responsibilities(scene, defects)
    best = max(resp.values(), default=0.0)
    return [(s.line_start, s.line_end) for s, share in resp.items() if share > 0 and share >= best - 1e-9]
