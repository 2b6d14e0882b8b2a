"""Measures the detectors on generated programs with injected defects, and writes the table.

    python -m tests.feedback.detector_figures --out=docs/detectors.md [--count=50] [--domain=chart,web] [--notes=FILE]

A domain that is not measured keeps its table.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from tests.feedback.corpus import DOMAINS, FAMILIES
from tests.feedback.corpus.measure import ALARMS, LEAST, Report, measure
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

The aim is a recall, a precision and a credit of at least 0.95, and false alarms in at most 3% of clean renders. The
generators and the detectors were written by the same people, so figures on programs of other origin will be lower.
"""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.feedback.detector_figures", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="the Markdown file")
    parser.add_argument("--count", type=int, default=50, help="programs per kind")
    parser.add_argument("--domain", default=",".join(DOMAINS), help="domains, separated by commas")
    parser.add_argument("--notes", type=Path, help="file for every miss and false alarm, with its program")
    options = parser.parse_args()
    tables = _tables(options.out)
    with RenderFarm(workers=2) as farm:
        for domain in options.domain.split(","):
            report = measure(farm, domain, options.count)
            tables[domain] = table(report, options.count)
            print(tables[domain], flush=True)
            if options.notes:
                with open(options.notes, "a") as file:
                    file.writelines(f"{note}\n\n" for note in report.all_notes())
            parts = [HEAD, *(tables[name] for name in DOMAINS if name in tables)]
            options.out.write_text("\n".join(parts))


def table(report: Report, count: int) -> str:
    """The section of one domain."""
    lines = [
        f"## {report.domain}",
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


def _tables(path: Path) -> dict[str, str]:
    """The sections that are there already."""
    if not path.exists():
        return {}
    sections = re.split(r"^## ", path.read_text(), flags=re.M)[1:]
    return {section.split("\n", 1)[0]: f"## {section}" for section in sections}


if __name__ == "__main__":
    main()
