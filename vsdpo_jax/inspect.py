"""Renders a program and shows its visual defects with the lines that caused them.

    python -m vsdpo_jax.inspect chart.py --out=DIR [--kind=chart] [--reference=FILE] [--fail_on=overlap,clipped_text]

writes `render.png`, `overlay.png` (defects boxed), `scene.json`, `defects.json` and `credit.html` (the source, darker
where it carries more blame). The exit status is 1 if a defect of a kind in `--fail_on` was found (`any` for all
kinds), 2 for bad input, else 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import html
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.feedback.credit import responsibilities
from vsdpo_jax.feedback.detect import KINDS, detect
from vsdpo_jax.feedback.geometry import union
from vsdpo_jax.render.farm import RenderFarm, RenderSetupError
from vsdpo_jax.types import Defect, Scene, Statement

RENDERERS = ("chart", "web", "slide", "pptx")
_BY_SUFFIX = {".html": "web", ".htm": "web"}
_COLORS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#e377c2", "#8c564b")
# A statement is named beside a defect if it carries at least this share of the blame.
_NAMED = 0.25


def main() -> None:
    """Entry point of `python -m vsdpo_jax.inspect`."""
    options = _options()
    source = _read(options.file)
    kind = options.kind or _BY_SUFFIX.get(options.file.suffix.lower(), "chart")
    fail_on = _kinds(options.fail_on)
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
    for defect in defects:
        print(f"{options.file}:{_place(scene, defect)}: {defect.kind}: {defect.message}")
    print(f"{len(defects)} defect{'' if len(defects) == 1 else 's'}; see {options.out}")
    sys.exit(1 if any(defect.kind in fail_on for defect in defects) else 0)


def write(folder: Path, scene: Scene, defects: Sequence[Defect]) -> None:
    """Writes the files of the module's description; no pictures for a scene that failed."""
    (folder / "scene.json").write_text(json.dumps(scene_json(scene), indent=1, ensure_ascii=False))
    found = [defect_json(scene, defect) for defect in defects]
    (folder / "defects.json").write_text(json.dumps(found, indent=1, ensure_ascii=False))
    (folder / "credit.html").write_text(credit_html(scene, defects))
    if scene.image is not None:
        Image.fromarray(scene.image).save(folder / "render.png")
        overlay(scene, defects).save(folder / "overlay.png")


def scene_json(scene: Scene) -> dict[str, Any]:
    """The scene without its pixels; elements carry the lines of their most responsible statement."""
    elements = []
    for element in scene.elements:
        lines = element.statements[0] if element.statements else None
        elements.append(
            {
                "kind": element.kind,
                "box": [round(edge, 1) for edge in element.box],
                "text": element.text,
                "line_start": lines.line_start if lines else None,
                "line_end": lines.line_end if lines else None,
                "group": element.group,
                "color": element.color,
                "background": element.background,
                "font_size": element.font_size,
                "clip": element.clip,
            }
        )
    error = dataclasses.asdict(scene.error) if scene.error is not None else None
    size = {"width": scene.width, "height": scene.height}
    return {"kind": scene.kind, **size, "elements": elements, "warnings": scene.warnings, "error": error}


def defect_json(scene: Scene, defect: Defect) -> dict[str, Any]:
    """A defect with the lines that carry its blame, the most responsible first, and the box around all of it."""
    return {
        "kind": defect.kind,
        "lines": [[statement.line_start, statement.line_end] for statement in _guilty(scene, defect)],
        "box": [round(edge, 1) for edge in union(defect.boxes)] if defect.boxes else None,
        "message": defect.message,
    }


def overlay(scene: Scene, defects: Sequence[Defect]) -> Image.Image:
    """The render with a numbered frame around every region of a defect, and a legend below it."""
    font = ImageFont.load_default(size=13)
    line = 18
    picture = Image.new("RGB", (max(scene.width, 320), scene.height + line * len(defects) + 4), "white")
    picture.paste(Image.fromarray(scene.image), (0, 0))
    draw = ImageDraw.Draw(picture)
    for number, defect in enumerate(defects, 1):
        color = _COLORS[(number - 1) % len(_COLORS)]
        for left, top, right, bottom in dict.fromkeys(defect.boxes):
            # Regions outside the canvas are drawn at its edge, or they would not be seen.
            left, right = (min(max(edge, 1), scene.width - 2) for edge in (left - 1, right + 1))
            top, bottom = (min(max(edge, 1), scene.height - 2) for edge in (top - 1, bottom + 1))
            draw.rectangle((left, top, right, bottom), outline=color, width=2)
        text = f"{number} {defect.kind}: {defect.message}"
        draw.text((4, scene.height + 2 + line * (number - 1)), text, fill=color, font=font)
    return picture


def credit_html(scene: Scene, defects: Sequence[Defect]) -> str:
    """The source as a page; the background of each statement shows its responsibility."""
    resp = responsibilities(scene, defects)
    levels = [0.0] * len(scene.source)
    for statement in sorted(resp, key=lambda statement: (statement.start, -statement.end)):
        levels[statement.start : statement.end] = [resp[statement]] * (statement.end - statement.start)
    lines, at = [], 0
    for number, text in enumerate(scene.source.splitlines(keepends=True), 1):
        lines.append(f'<span class="number">{number:>4} </span>' + _marked(text, levels[at : at + len(text)]))
        at += len(text)
    messages = "".join(
        f"<li><b>{html.escape(defect.kind)}</b> (line {_place(scene, defect)}): {html.escape(defect.message)}</li>"
        for defect in defects
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Credit</title><style>'
        "body{font-family:system-ui,sans-serif;margin:2em}pre{font-size:14px;line-height:1.5}"
        ".number{color:#767676;user-select:none}</style>"
        f"<h1>Who is to blame</h1><ul>{messages or '<li>no defects</li>'}</ul><pre>{''.join(lines)}</pre></html>"
    )


def _marked(text: str, levels: Sequence[float]) -> str:
    pieces, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or levels[end] != levels[start]:
            piece, level = html.escape(text[start:end]), levels[start]
            style = f'style="background:rgba(255,120,0,{0.75 * level:.2f})" title="responsibility {level:.2f}"'
            pieces.append(f"<span {style}>{piece}</span>" if level > 0 else piece)
            start = end
    return "".join(pieces)


def _guilty(scene: Scene, defect: Defect) -> list[Statement]:
    resp = responsibilities(scene, [defect])
    named = [statement for statement in defect.statements if resp.get(statement, 0.0) >= _NAMED]
    return sorted(named, key=lambda statement: -resp[statement]) or list(defect.statements[:1])


def _place(scene: Scene, defect: Defect) -> str:
    guilty = _guilty(scene, defect)
    return str(guilty[0].line_start) if guilty else "?"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m vsdpo_jax.inspect", description="Render a program and show its visual defects."
    )
    parser.add_argument("file", type=Path, help="the program or page")
    parser.add_argument("--kind", choices=RENDERERS, help="the renderer; by default `web` for .html, else `chart`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--reference", type=Path, help="a program that draws what the render should look like")
    parser.add_argument("--fail_on", default="", help="kinds of defects, separated by commas, that make the status 1")
    return parser.parse_args()


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text") from error


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
