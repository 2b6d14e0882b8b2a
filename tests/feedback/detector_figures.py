"""Measures the detectors on generated programs with injected defects, and writes the table.

    python -m tests.feedback.detector_figures --out=docs/detectors.md [--count=50] [--first=0] [--domain=chart,web]

A section that is not measured keeps its table. `--parts=DIR` keeps the counts of each kind as it is finished; the same
command goes on where it was stopped, so empty the folder when a detector or a renderer has changed.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from tests.feedback.corpus import DOMAINS, FAMILIES
from tests.feedback.corpus.measure import ALARMS, LEAST, Report, empty_report, measure_part, parts
from vsdpo_jax.render.farm import RenderFarm

HEAD = """# How well defects are found

Generated programs with one injected defect each, of every kind that makes sense in a domain, their clean twins (the
same program without the defect) and further clean designs, rendered and checked by `make test-slow`; written by
`python -m tests.feedback.detector_figures --out=docs/detectors.md`.

- *recall*: programs with the defect in which the kind is reported.
- *precision*: of all renders in which the kind is reported, those that have it. Wrong are reports on clean programs and
  on programs with another defect, unless the same mistake causes both (a heading pushed onto another is also cut off).
- *credit*: programs in which the statement at fault has the highest responsibility, alone or with others; *alone*:
  without others. In an overlap both texts are named. What was left out (`–`) has no statement.
- *false alarms*: clean renders with any report.

The aim is a recall, a precision and a credit of at least 0.95, and false alarms in at most 3% of clean renders.
Programs 0–49 are those that the detectors were improved with. Programs from 1000 on are fresh: they were measured when
that was done, and no detector was changed since. One label was: clipped_text in fresh charts first had a precision of
0.91, because two plots that were lifted really lose the top of their title, which counts as the same mistake now. The
generators and the detectors were written by the same people, so figures on programs of other origin will be lower;
`tests/feedback/reviewed/` has programs in the manner of language models with what a person said of each.
"""


def main() -> None:
    """Entry point."""
    options = _options()
    sections = _sections(options.out)
    with RenderFarm(workers=2) as farm:
        for domain in options.domain.split(","):
            report = _measured(farm, domain, options)
            text = table(report, options.count, options.first)
            sections[_heading(domain, options.first, options.count)] = text
            print(text, flush=True)
            if options.notes:
                with open(options.notes, "a") as file:
                    file.writelines(f"{note}\n\n" for note in report.all_notes())
            ordered = sorted(sections, key=lambda heading: (DOMAINS.index(heading.split(",")[0]), heading))
            options.out.write_text("\n".join([HEAD, *(sections[heading] for heading in ordered)]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.feedback.detector_figures", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="the Markdown file")
    parser.add_argument("--count", type=int, default=50, help="programs per kind")
    parser.add_argument("--first", type=int, default=0, help="seed of the first program; others give fresh programs")
    parser.add_argument("--domain", default=",".join(DOMAINS), help="domains, separated by commas")
    parser.add_argument("--parts", type=Path, help="folder for what is measured so far")
    parser.add_argument("--notes", type=Path, help="file for every miss and false alarm, with its program")
    return parser.parse_args()


def _measured(farm: RenderFarm, domain: str, options: argparse.Namespace) -> Report:
    report = empty_report(domain)
    for part in parts(domain):
        name = f"{domain}-{part}-{options.first}-{options.count}.json"
        path = options.parts / name if options.parts else None
        if path is not None and path.exists():
            report.add(Report.from_json(json.loads(path.read_text())))
            continue
        found = measure_part(farm, domain, part, options.count, options.first)
        report.add(found)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found.as_json()))
    return report


def _heading(domain: str, first: int, count: int) -> str:
    return f"{domain}, programs {first}–{first + count - 1}"


def table(report: Report, count: int, first: int = 0) -> str:
    """The section of one domain."""
    lines = [
        f"## {_heading(report.domain, first, count)}",
        "",
        f"{count} programs a kind, {FAMILIES[report.domain]} families of designs; {report.clean} clean renders, "
        f"false alarms on {report.alarms} ({report.alarm_rate:.1%}).",
        "",
        "| kind | programs | recall | precision | credit | alone |",
        "|---|---|---|---|---|---|",
    ]
    for kind, figures in report.figures.items():
        if figures.cases:
            credit = "–" if figures.credit is None else f"{figures.credit:.2f}"
            alone = f"{figures.alone / figures.named:.2f}" if figures.named else "–"
            lines.append(
                f"| {kind} | {figures.cases} | {figures.recall:.2f} | {figures.precision:.2f} | {credit} | {alone} |"
            )
    failed = report.shortfalls(LEAST, ALARMS)
    verdict = f"Short of the aim: {'; '.join(failed)}." if failed else "All figures reach the aim."
    return "\n".join([*lines, "", verdict, ""])


def _sections(path: Path) -> dict[str, str]:
    """The sections that are there already."""
    if not path.exists():
        return {}
    sections = re.split(r"^## ", path.read_text(), flags=re.M)[1:]
    return {section.split("\n", 1)[0]: f"## {section.rstrip()}\n" for section in sections}


if __name__ == "__main__":
    main()
