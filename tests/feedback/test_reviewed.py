"""Programs as language models write them, with the mistakes that they make: what a person said about each render.

`reviewed/KIND/expected.json` holds, for every program in its folder, [kind, line, words] of each complaint: the line
that the person would change, and a part of the sentence. No generator wrote them; some have several defects, some none.
"""

import json
from pathlib import Path

import pytest

from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.inspection.tables import guilty

FOLDER = Path(__file__).parent / "reviewed"
KINDS = ("chart", "web", "slide", "pptx")


def expected(kind):
    return json.loads((FOLDER / kind / "expected.json").read_text())


def test_every_program_was_judged():
    for kind in KINDS:
        programs = {path.name for path in (FOLDER / kind).iterdir() if path.suffix in (".py", ".html")}
        assert len(programs) >= 8 and programs == set(expected(kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_detectors_say_what_the_person_said(farm, kind):
    names = sorted(expected(kind))
    scenes = farm.render([(FOLDER / kind / name).read_text() for name in names], kind)
    wrong = []
    for name, scene in zip(names, scenes, strict=True):
        found = detect(scene)
        waiting = list(expected(kind)[name])
        for defect in found:
            lines = {line for one in guilty(scene, defect) for line in range(one.line_start, one.line_end + 1)}
            match = next(
                (one for one in waiting if one[0] == defect.kind and one[1] in lines and one[2] in defect.message), None
            )
            if match is None:
                wrong.append(f"{name}: nobody said {defect.kind} {sorted(lines)}: {defect.message}")
            else:
                waiting.remove(match)
        wrong += [f"{name}: not found: {one}" for one in waiting]
    assert not wrong, "\n".join(wrong)
