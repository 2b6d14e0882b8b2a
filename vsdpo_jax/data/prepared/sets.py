"""The training sets by name: where their files are, what their columns are called, and what the student is asked.

Every name of a column is a setting with a default (`--option=code=COLUMN`), because published tables change. What could
be checked of the defaults: WebSight's and WebCode2M's columns stand on their cards (`HuggingFaceM4/WebSight`,
`xcodemind/webcode2m`). Chart2Code-160K (`xxxllz/Chart2Code-160k`) is trained on by code of the LLaVA family, hence the
conversation layout. AeSlides' table of instructions is not described anywhere.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.aeslides_data import DECK_REQUEST, HTML_REQUEST
from vsdpo_jax.rollout.response import find_code

KINDS = ("chart", "web", "slide", "pptx")
CHART_REQUEST = (
    "You are an expert in Matplotlib. Write a complete Python program that draws the chart in the picture: the same "
    "types of plots, panels, texts, data, colors and styles. Answer with one fenced ```python block."
)
WEB_REQUEST = (
    "You are an expert web developer. Write a single HTML file, with all CSS in it, that renders to the web page in "
    "the screenshot: the same texts, sizes, positions, colors and layout. Use no JavaScript and no external files. "
    "Answer with the content of the HTML file in one fenced ```html block."
)
REQUESTS = {"chart": CHART_REQUEST, "web": WEB_REQUEST, "slide": HTML_REQUEST, "pptx": DECK_REQUEST}
_IMAGE_MARK = re.compile(r"<image>|<\|image\|>|<ImageHere>")
_TABLES = ("*.parquet", "*.jsonl", "*.json", "*.csv")


@dataclasses.dataclass(frozen=True)
class TrainingSet:
    """How to read one training set. All but `name`, `about`, `homepage` and `licence` can be set as options.

    Attributes:
      name: under which it is prepared.
      about, homepage, licence: what its readers are told.
      kind: renderer of the answers, as `Prompt.kind`.
      files: patterns below the source, the first that matches wins; several are separated by `|`.
      id, prompt, image, code: columns; empty if there is none. Rows without id are numbered.
      conversations: column with turns (`from`/`value` or `role`/`content`): the first of the user is the prompt, the
        first of the assistant holds the code. Empty if there is none.
      images: folder or archive in which the image column's paths start; empty: looked for in the source.
      request: what the student is asked: after the row's prompt if it has one, else alone. Empty: that of the kind, but
        nothing after a prompt that comes with a picture.
      keep: `COLUMN=VALUE` that a row must have, several separated by commas.
      need_code: rows without code are dropped.
      need_image: rows without picture are dropped.
    """

    name: str
    about: str
    homepage: str
    licence: str
    kind: str
    files: str = "|".join((*_TABLES, *(f"data/{table}" for table in _TABLES)))
    id: str = ""
    prompt: str = ""
    image: str = ""
    code: str = ""
    conversations: str = ""
    images: str = ""
    request: str = ""
    keep: str = ""
    need_code: bool = True
    need_image: bool = True

    @property
    def patterns(self) -> list[str]:
        return self.files.split("|")


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a row says, before any check: texts are empty and `image` is None where it says nothing."""

    id: str
    prompt: str
    code: str
    image: Any


SETS: dict[str, TrainingSet] = {}


def _register(**fields: Any) -> None:
    SETS[fields["name"]] = TrainingSet(**fields)


_register(
    name="chart2code",
    about="Chart2Code-160K of ChartCoder (arXiv 2501.06598): charts with the Matplotlib programs that drew them.",
    homepage="https://huggingface.co/datasets/xxxllz/Chart2Code-160k",
    licence="",
    kind="chart",
    files="*.json|*.jsonl|*.parquet|data/*.json|data/*.jsonl|data/*.parquet",
    id="id",
    image="image",
    conversations="conversations",
)
_register(
    name="webcode2m",
    about="WebCode2M (arXiv 2404.06369): screenshots of real web pages with their cleaned HTML.",
    homepage="https://huggingface.co/datasets/xcodemind/webcode2m",
    licence="CC-BY-4.0",
    kind="web",
    files="data/*.parquet|*.parquet",
    id="hash",
    image="image",
    code="text",
)
_register(
    name="websight",
    about="WebSight (arXiv 2403.09029): screenshots of generated web pages with their HTML. v0.1 has plain CSS and no "
    "pictures; v0.2 (--option=files=v0.2/*.parquet) uses Tailwind's script and pictures from the web.",
    homepage="https://huggingface.co/datasets/HuggingFaceM4/WebSight",
    licence="CC-BY-4.0",
    kind="web",
    files="data/*.parquet|v0.1/*.parquet|v0.2/*.parquet|*.parquet",
    image="image",
    code="text",
)
_register(
    name="aeslides",
    about="Instructions for slides of AeSlides (arXiv 2604.22840); there are no references.",
    homepage="https://github.com/ympan0508/aeslides",
    licence="",
    kind="slide",
    id="id",
    prompt="instruction",
    need_code=False,
    need_image=False,
)
_register(
    name="generic",
    about="Rows of any table with an instruction, a picture and a program, each of them optional.",
    homepage="",
    licence="",
    kind="chart",
    id="id",
    prompt="prompt",
    image="image",
    code="code",
    need_code=False,
    need_image=False,
)


def configure(name: str, options: Mapping[str, str]) -> TrainingSet:
    """The training set with options in place of defaults.

    Raises:
      UserError: an unknown set, option or kind.
    """
    if name not in SETS:
        raise UserError(f"data set {name!r} is unknown: choose from {', '.join(SETS)}")
    known = [field.name for field in dataclasses.fields(TrainingSet)][4:]
    changes: dict[str, Any] = {}
    for option, value in options.items():
        if option not in known:
            raise UserError(f"{name} has no option {option!r}: it has {', '.join(known)}")
        changes[option] = _flag(option, value) if option.startswith("need_") else value
    made = dataclasses.replace(SETS[name], **changes)
    if made.kind not in KINDS:
        raise UserError(f"--option=kind={made.kind} is unknown: choose from {', '.join(KINDS)}")
    return made


def _flag(option: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise UserError(f"--option={option}={value} must be true or false")
    return value.lower() == "true"


def read_entry(row: Mapping[str, Any], number: str, settings: TrainingSet) -> Entry | None:
    """What a row says; None if `settings.keep` leaves it out.

    Args:
      row: of a table.
      number: its id if it has none.

    Raises:
      UserError: the table lacks a column that the set cannot do without.
    """
    for condition in filter(None, settings.keep.split(",")):
        column, _, value = condition.partition("=")
        if str(_cell(row, column, settings, "keep")) != value:
            return None
    if settings.conversations:
        prompt, code = _turns(_cell(row, settings.conversations, settings, "conversations"))
        prompt, code = _IMAGE_MARK.sub("", prompt).strip(), find_code(code)[0]
    else:
        needs_prompt = not (settings.need_code or settings.need_image)
        prompt = _text(row, settings.prompt, settings, "prompt", needed=needs_prompt)
        code = find_code(_text(row, settings.code, settings, "code", needed=settings.need_code))[0]
    image = _cell(row, settings.image, settings, "image") if settings.need_image else row.get(settings.image)
    return Entry(str(row.get(settings.id) or number), prompt.strip(), code.strip("\n"), image)


def question(entry: Entry, settings: TrainingSet, has_image: bool) -> str:
    """What the student is asked, empty if the row asks nothing and shows nothing."""
    if not entry.prompt and not has_image:
        return ""
    default = "" if entry.prompt and has_image else REQUESTS[settings.kind]
    return "\n\n".join(filter(None, (entry.prompt, settings.request or default)))


def _text(row: Mapping[str, Any], column: str, settings: TrainingSet, option: str, *, needed: bool) -> str:
    value = _cell(row, column, settings, option) if needed else row.get(column)
    return value if isinstance(value, str) else ""


def _cell(row: Mapping[str, Any], column: str, settings: TrainingSet, option: str) -> Any:
    if column not in row:
        have = ", ".join(map(str, row))
        hint = f"--option={option}=COLUMN" if option != "keep" else "--option=keep=COLUMN=VALUE"
        raise UserError(f"the table of {settings.name} has no column {column!r}, only {have}: name it with {hint}")
    return row[column]


def _turns(turns: Any) -> tuple[str, str]:
    """The first turn of the user and the first of the assistant."""
    found: dict[str, str] = {}
    for turn in turns if isinstance(turns, list | tuple) else ():
        if isinstance(turn, Mapping):
            who = str(turn.get("from", turn.get("role", ""))).lower()
            text = _plain(turn.get("value", turn.get("content", "")))
            found.setdefault("user" if who in ("human", "user") else "assistant" if who in _ANSWERERS else who, text)
    return found.get("user", ""), found.get("assistant", "")


_ANSWERERS = ("gpt", "assistant", "model", "bot")


def _plain(content: Any) -> str:
    """The text of a turn, which may be a list of parts with pictures among them."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else []
    return "\n".join(str(part.get("text") or "") for part in parts if isinstance(part, Mapping) and part.get("text"))
