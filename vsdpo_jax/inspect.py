"""Renders a program and shows its visual defects with the lines that caused them.

    python -m vsdpo_jax.inspect chart.py --out=DIR [--kind=chart] [--reference=FILE] [--fail_on=overlap,clipped_text]

prints a line for each defect (`chart.py:7: clipped_text: the title runs 38 px past the right edge [1]`) and writes
`render.png`, `overlay.png` (defects framed and numbered as in the list), `scene.json`, `defects.json` and `credit.html`
(the source, darker where it carries more blame). The exit status is 1 if a defect of a kind in `--fail_on` was found
(`any` for all kinds), 2 for bad input, else 0.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.feedback.detect import KINDS, detect
from vsdpo_jax.inspection.overlay import overlay
from vsdpo_jax.inspection.page import credit_html
from vsdpo_jax.inspection.tables import defect_json, guilty, scene_json
from vsdpo_jax.render.farm import RenderFarm, RenderSetupError
from vsdpo_jax.report.markup import plural
from vsdpo_jax.types import Defect, Scene

RENDERERS = ("chart", "web", "slide", "pptx")
_PPTX = re.compile(r"^\s*(?:import|from)\s+pptx\b", re.M)


def main() -> None:
    """Entry point of `python -m vsdpo_jax.inspect`."""
    options = _options()
    fail_on = _kinds(options.fail_on)
    source = _read(options.file)
    kind = options.kind or _kind(options.file, source)
    try:
        with RenderFarm(workers=1) as farm:
            scene = farm.submit(source, kind).result()
            reference = farm.submit(_read(options.reference), kind).result() if options.reference else None
    except RenderSetupError as error:
        raise UserError(str(error)) from error
    if reference is not None and reference.error is not None:
        raise UserError(f"--reference={options.reference} does not render: {reference.error.message}")
    defects = detect(scene, reference)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        write(options.out, scene, defects)
    except OSError as error:
        raise UserError(f"--out={options.out}: {error.strerror}") from error
    sys.stdout.reconfigure(errors="backslashreplace")
    for number, defect in enumerate(defects, 1):
        print(f"{options.file}{_place(scene, defect)}: {defect.kind}: {defect.message} [{number}]")
    print(f"{plural(len(defects), 'defect')}; see {options.out}")
    sys.exit(1 if any(defect.kind in fail_on for defect in defects) else 0)


def write(folder: Path, scene: Scene, defects: Sequence[Defect]) -> None:
    """Writes the files of the module's description; no pictures for a scene that failed."""
    _write_json(folder / "scene.json", scene_json(scene))
    _write_json(folder / "defects.json", [defect_json(scene, defect) for defect in defects])
    (folder / "credit.html").write_text(credit_html(scene, defects), encoding="utf-8")
    pictures = folder / "render.png", folder / "overlay.png"
    if scene.image is None:
        # Those of an earlier version of the program would be taken for this one's.
        for path in pictures:
            path.unlink(missing_ok=True)
        return
    Image.fromarray(scene.image).save(pictures[0])
    overlay(scene, defects).save(pictures[1])


def _write_json(path: Path, values: Any) -> None:
    # Half of a surrogate pair, which a program may well draw, can only be written as an escape.
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")


def _place(scene: Scene, defect: Defect) -> str:
    """The line that is most to blame, after a colon; nothing where nobody knows."""
    named = guilty(scene, defect)
    return f":{named[0].line_start}" if named else ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m vsdpo_jax.inspect", description="Render a program and show its visual defects."
    )
    parser.add_argument("file", type=Path, help="the program or page")
    parser.add_argument(
        "--kind",
        choices=RENDERERS,
        help="the renderer; by default `web` for .html, `pptx` for .py with python-pptx, `chart` for other .py",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--reference", type=Path, help="a program that draws what the render should look like")
    parser.add_argument("--fail_on", default="", help="kinds of defects, separated by commas, that make the status 1")
    return parser.parse_args()


def _read(path: Path) -> str:
    try:
        # Without the mark that some editors put in front.
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        hint = ": give the python-pptx program that makes the deck" if path.suffix.lower() == ".pptx" else ""
        raise UserError(f"{path} is not UTF-8 text{hint or '; give the source of a program or page'}") from error


def _kind(path: Path, source: str) -> str:
    """The renderer for a file, by its name and by what it imports.

    Raises:
      UserError: its name says nothing.
    """
    suffix = path.suffix.lower()
    if suffix in (".html", ".htm"):
        return "web"
    if suffix != ".py":
        raise UserError(f"{path}: cannot tell what draws a file of this name; add --kind={'|'.join(RENDERERS)}")
    return "pptx" if _PPTX.search(source) else "chart"


def _kinds(text: str) -> set[str]:
    kinds = {kind.strip() for kind in text.split(",") if kind.strip()}
    if "any" in kinds:
        return set(KINDS)
    unknown = sorted(kinds - set(KINDS))
    if unknown:
        raise UserError(f"--fail_on={text}: {unknown[0]!r} is not a kind of defect; choose from {', '.join(KINDS)}")
    return kinds


if __name__ == "__main__":
    exit_cleanly(main)
