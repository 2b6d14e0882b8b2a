"""A model that compares a chart with its reference: the High score of ChartMimic.

The prompt is our own, with the published weights: chart types 20, layout 10, text 20, data 20, style 20, clarity 10.
The text comes first, then the reference, then the prediction, as published since April 2025 (before, the pictures were
swapped, which moved scores by 3 to 5 points).
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from vsdpo_jax.errors import UserError

PROMPT = """You grade how well one chart reproduces another. The first picture is the reference, made with Matplotlib \
by an expert. The second picture was made by a program that a model wrote to reproduce it.

Give points for each of these, 100 in all:
- Chart types (20): every type of plot of the reference is there (lines, bars, areas, …).
- Layout (10): panels are arranged in the same rows and columns.
- Text (20): titles, axis labels, annotations and legends say the same. Leave tick labels out of account.
- Data (20): the series are as many, and their values and trends are the same.
- Style (20): colors, markers, line styles, legends, grids and other looks are the same.
- Clarity (10): it is easy to read, and nothing covers anything else.

Compare the two pictures part by part. Answer in this form, and with nothing after it:

Comments:
- Chart types: <comment> (<points>/20)
- Layout: <comment> (<points>/10)
- Text: <comment> (<points>/20)
- Data: <comment> (<points>/20)
- Style: <comment> (<points>/20)
- Clarity: <comment> (<points>/10)

Score: <sum>/100"""
KEY_VARIABLE = "OPENAI_API_KEY"
_SCORE = re.compile(r"^\W*Score:[\s*_~`]*(\d+)\s*/\s*100", re.IGNORECASE | re.MULTILINE)
_LOOSE_SCORE = re.compile(r"Score:[\s*_~`]*(\d+)", re.IGNORECASE)
_MAX_TOKENS = 4096
_PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the judge said of one pair.

    Attributes:
      score: in 0–1.
      reply: its whole answer.
      model: the model that answered, by its own name.
      input_tokens, output_tokens: that the answer cost, failed attempts included.
    """

    score: float
    reply: str
    model: str
    input_tokens: int
    output_tokens: int


class Judge(Protocol):
    """Grades pictures; safe to call from several threads."""

    def compare(self, reference: np.ndarray, prediction: np.ndarray) -> Verdict:
        """Grades a prediction; raises UserError if no grade is to be had."""

    def notes(self, verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
        """Lines for people: who judged, and at what cost. `verdicts` are `Verdict`s as dicts."""


def open_judge(url: str, model: str, folder: str, price: str) -> Judge | None:
    """The judge of these settings, None if none is asked for.

    Raises:
      UserError: settings that do not go together.
    """
    if folder and (url or model):
        raise UserError("give either --judge_url and --judge_model, or --judge_model_dir, not both")
    if bool(url) != bool(model):
        raise UserError("--judge_url and --judge_model belong together: give both")
    if folder:
        return LocalJudge(folder)
    return EndpointJudge(url, model, _price(price)) if url else None


def read_score(reply: str) -> float | None:
    """The grade in an answer, in 0–1: the first line `Score: N/100`, else the last `Score: N`, else None."""
    match = _SCORE.search(reply)
    matches = [match] if match else list(_LOOSE_SCORE.finditer(reply))
    return min(int(matches[-1].group(1)), 100) / 100 if matches else None


class EndpointJudge:
    """A model behind an OpenAI-compatible endpoint.

    Args:
      url: up to and without `/chat/completions`.
      model: its name there.
      price: US dollars per million input and output tokens, None if unknown.
      attempts: requests for one grade before giving up.
      pause: seconds before the second request; twice as long before each further one.

    The key is read from the environment variable OPENAI_API_KEY; endpoints of one's own may need none.
    """

    def __init__(
        self,
        url: str,
        model: str,
        price: tuple[float, float] | None = None,
        attempts: int = 6,
        pause: float = 2.0,
        timeout: float = 180.0,
    ):
        self._url = url.rstrip("/") + "/chat/completions"
        self._model, self._price = model, price
        self._attempts, self._pause, self._timeout = attempts, pause, timeout

    def compare(self, reference: np.ndarray, prediction: np.ndarray) -> Verdict:
        content: list[dict[str, Any]] = [{"type": "text", "text": PROMPT}]
        content += [{"type": "image_url", "image_url": {"url": _data_uri(image)}} for image in (reference, prediction)]
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0.1,
            "top_p": 0.95,
            "max_tokens": _MAX_TOKENS,
        }
        spent, problem = [0, 0], ""
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(self._pause * 2 ** (attempt - 1))
            answer, problem = self._ask(json.dumps(body).encode())
            if answer is None:
                continue
            usage = answer.get("usage") or {}
            spent[0] += int(usage.get("prompt_tokens") or 0)
            spent[1] += int(usage.get("completion_tokens") or 0)
            reply = _reply(answer)
            score = read_score(reply)
            if score is not None:
                return Verdict(score, reply, str(answer.get("model") or self._model), *spent)
            problem = f"its answer holds no score: {' '.join(reply.split())[:80]!r}"
        raise UserError(f"the judge at {self._url} gave no grade in {self._attempts} attempts: {problem}")

    def _ask(self, body: bytes) -> tuple[dict[str, Any] | None, str]:
        """The answer to one request, or what went wrong in a way that may pass."""
        headers = {"Content-Type": "application/json"}
        if os.environ.get(KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {os.environ[KEY_VARIABLE]}"
        request = urllib.request.Request(self._url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                answer = json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = " ".join(error.read(400).decode(errors="replace").split())
            if error.code not in _PASSING:
                raise UserError(f"the judge at {self._url} refuses (status {error.code}): {text}") from error
            return None, f"status {error.code}: {text}"
        except (OSError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"
        return (answer, "") if isinstance(answer, dict) else (None, "the answer is not a JSON object")

    def notes(self, verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
        spent = [sum(verdict[name] for verdict in verdicts) for name in ("input_tokens", "output_tokens")]
        models = sorted({verdict["model"] for verdict in verdicts}) or [self._model]
        line = f"High by {', '.join(models)}: {len(verdicts)} grades, {spent[0]:,} input and {spent[1]:,} output tokens"
        if self._price is not None:
            dollars = sum(count * price for count, price in zip(spent, self._price, strict=True)) / 1e6
            line += f", ${dollars:.2f}"
        return [line]


class LocalJudge:
    """A Qwen3-VL in a folder. One grade at a time, whatever the number of threads."""

    def __init__(self, folder: str):
        # Opening a model is costly, and only this judge needs JAX.
        from vsdpo_jax.generate import Talker

        self._talker = Talker(folder)
        self._name = folder.rstrip("/").rpartition("/")[2]
        self._lock = threading.Lock()

    def compare(self, reference: np.ndarray, prediction: np.ndarray) -> Verdict:
        pictures = [Image.fromarray(image) for image in (reference, prediction)]
        spent = [0, 0]
        for seed in range(3):
            with self._lock:
                answer = self._talker.answer(PROMPT, pictures, seed=seed, temperature=0.1, top_p=0.95, max_tokens=1024)
            spent[0] += len(answer.prompt_tokens)
            spent[1] += len(answer.tokens)
            score = read_score(answer.text)
            if score is not None:
                return Verdict(score, answer.text, self._name, *spent)
        reply = " ".join(answer.text.split())[:80]
        raise UserError(
            f"the judge {self._name} gave no grade in 3 attempts (its last answer begins {reply!r}): "
            "give a larger model as --judge_model_dir"
        )

    def notes(self, verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
        return [f"High by {self._name}, a local model: {len(verdicts)} grades. Not comparable with GPT-4o's"]


def _price(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        given, taken = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--judge_price={text} must be two numbers: dollars per million input,output tokens") from error
    return given, taken


def _reply(answer: Mapping[str, Any]) -> str:
    try:
        return str(answer["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        return ""


def _data_uri(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
