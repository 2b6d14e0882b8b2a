"""The warm-start corpus: what the tiny model learns before reinforcement learning, made with real renders.

    python -m vsdpo_jax.data.warmstart --folder=DIR --domains=web --count=1000
    python -m vsdpo_jax.data.warmstart --tokenizer=DIR --corpora=DIR,DIR

For every task a flawed author writes a program, it is rendered, and its defects are found. Then the author writes the
program once more, from the beginning, and minds what a random part of the report complains about. An item trains two
branches on the *same* second program: instruction -> program, and instruction + feedback + render -> program. What was
minded counts after feedback only. So neither the presence of feedback, nor silence about a statement, nor what the
render of the first program shows says anything about the second one, and only what is reported helps. A clean program
is an item without feedback: its second branch is left out.

The corpus is a folder of shards; a shard that is there is not made again, so an interrupted build goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import io
import itertools
import json
import os
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image
from tqdm import tqdm

from vsdpo_jax.data import sentencepiece_bpe
from vsdpo_jax.data.source import clean_tasks, settle
from vsdpo_jax.data.tasks import DOMAINS, fragments
from vsdpo_jax.data.tasks.author import PRESENCE_KINDS, Author, correction, revise
from vsdpo_jax.data.tasks.domain import Task, Tasks
from vsdpo_jax.data.tasks.program import Program
from vsdpo_jax.data.tasks.slips import restored
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.feedback.prompt import feedback_text
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Defect, Scene

SHARD = 250


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a corpus is made. Everything in it changes the corpus, which is why it is stored beside it.

    Attributes:
      domains: names of the domains that take turns, item by item.
      count: items.
      seed: of authors, revisers and reports. Tasks depend on their index only.
      variants: revisions per flawed program, each of another part of the report.
      max_side: longer side of the renders, in pixels.
      feedback_chars: length limit of the feedback text.
      skill, sight, failure_rate, slip_rate: of the author, see `Author`.
      second_failure_rate: failure rate of the programs that are written after the reports. Tracebacks are to be many,
        but the model is to learn programs that mostly run.
      reviser_skill: probability of correcting a reported defect.
    """

    domains: tuple[str, ...] = ("chart",)
    count: int = 5000
    seed: int = 0
    variants: int = 4
    max_side: int = 320
    feedback_chars: int = 400
    skill: float = Author.skill
    sight: float = Author.sight
    failure_rate: float = 2 * Author.failure_rate
    second_failure_rate: float = Author.failure_rate / 2
    slip_rate: float = Author.slip_rate
    reviser_skill: float = 0.95


@dataclasses.dataclass(frozen=True)
class Variant:
    """A target program and the feedback that leads to it.

    Attributes:
      feedback: text of the feedback, or None for a clean program (no revision branch).
      response: the target of both branches.
      reported: kinds of the defects in the feedback.
      decisive: characters [start, end) of `response` that hold the value of a decision.
      revised: those that hold what the report asked for: of `decisive`, miscopied texts, and the wording of
        statements that raised.
    """

    feedback: str | None
    response: str
    reported: tuple[str, ...]
    decisive: tuple[tuple[int, int], ...]
    revised: tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Item:
    """One task of the corpus.

    Attributes:
      id: of the task.
      kind: the renderer, as `Prompt.kind`.
      prompt: the instruction.
      image: uint8[h, w, 3], the render of the ideal program.
      author: the program that the feedback is about.
      author_image: uint8[h, w, 3], its render, or None if it did not run.
      defects: kinds of all defects of `author`.
      variants: at least one.
    """

    id: str
    kind: str
    prompt: str
    image: np.ndarray
    author: str
    author_image: np.ndarray | None
    defects: tuple[str, ...]
    variants: tuple[Variant, ...]


class Corpus(Sequence):
    """A stored corpus, by index. Images are decoded when an item is read.

    Raises:
      FileNotFoundError: `folder` holds no corpus, or an unfinished one.
    """

    def __init__(self, folder: str | os.PathLike):
        path = os.path.join(folder, "settings.json")
        if not os.path.exists(path):
            command = f"python -m vsdpo_jax.data.warmstart --folder={folder}"
            raise FileNotFoundError(f"{folder} holds no warm-start corpus; make one with {command}")
        with open(path, encoding="utf-8") as file:
            self.settings = Settings(**{name: _tuples(value) for name, value in json.load(file).items()})
        self._items: list[dict] = []
        self._images: list[bytes] = []
        for start in range(0, self.settings.count, SHARD):
            path = _shard_path(folder, start)
            if not os.path.exists(path):
                raise FileNotFoundError(f"the corpus in {folder} is unfinished; run its build again to go on")
            self._read(path)

    def _read(self, path: str) -> None:
        with np.load(path) as shard:
            items = json.loads(shard["items"].tobytes())
            blob, offsets = shard["images"].tobytes(), shard["offsets"]
        base = len(self._images)
        self._images += [blob[start:end] for start, end in zip(offsets, offsets[1:], strict=False)]
        for item in items:
            for name in ("image", "author_image"):
                item[name] = None if item[name] is None else item[name] + base
            self._items.append(item)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        fields = dict(self._items[index])
        for name in ("image", "author_image"):
            fields[name] = None if fields[name] is None else _decode(self._images[fields[name]])
        fields["defects"] = tuple(fields["defects"])
        fields["variants"] = tuple(
            Variant(**{name: _tuples(value) for name, value in variant.items()}) for variant in fields["variants"]
        )
        return Item(**fields)

    def fragments(self, count: int | None = None) -> Iterator[str]:
        """All that the model reads or writes in the first `count` items, cut for the training of a tokenizer."""
        for item in self._items[:count]:
            yield from fragments.of_instruction(item["prompt"])
            for variant in item["variants"]:
                yield from fragments.of_program(variant["response"], variant["decisive"])
                if variant["feedback"] is not None:
                    yield from fragments.of_feedback(variant["feedback"])


def build(folder: str | os.PathLike, settings: Settings, farm: RenderFarm, progress: bool = True) -> Corpus:
    """Makes the corpus in `folder`, or what is missing of it.

    Raises:
      ValueError: `folder` holds a corpus with other settings.
    """
    os.makedirs(folder, exist_ok=True)
    _claim(folder, settings)
    starts = [start for start in range(0, settings.count, SHARD) if not os.path.exists(_shard_path(folder, start))]
    with tqdm(total=settings.count, desc="warm-start items", disable=not progress, unit="item") as bar:
        bar.update(settings.count - sum(min(SHARD, settings.count - start) for start in starts))
        for start in starts:
            items = []
            stop = min(start + SHARD, settings.count)
            # Small chunks keep the workers busy and the progress bar moving.
            for first in range(start, stop, 32):
                chunk = range(first, min(first + 32, stop))
                items += _make(chunk, settings, farm)
                bar.update(len(chunk))
            _write_shard(_shard_path(folder, start), items)
    return Corpus(folder)


def train_tokenizer(corpora: Sequence[Corpus], folder: str | os.PathLike, vocab_size: int = 1024):
    """Trains the tokenizer of the tiny model on equally many items of each corpus and saves it in `folder`."""
    count = min(map(len, corpora))
    fragments = itertools.chain.from_iterable(corpus.fragments(count) for corpus in corpora)
    return sentencepiece_bpe.save(sentencepiece_bpe.train(fragments, vocab_size), folder)


def statistics(corpus: Corpus) -> dict:
    """How good the authors are: shares that run and that are flawed, defects per render, and how often which kind."""
    items = [corpus[index] for index in range(len(corpus))]
    ran = [item for item in items if "execution_error" not in item.defects]
    kinds = collections.Counter(kind for item in items for kind in item.defects)
    variants = [variant for item in items for variant in item.variants]
    return {
        "items": len(items),
        "exec_rate": len(ran) / len(items),
        "flawed": sum(bool(item.defects) for item in items) / len(items),
        "defects_per_render": sum(len(item.defects) for item in ran) / max(1, len(ran)),
        "with_feedback": sum(variant.feedback is not None for variant in variants) / len(variants),
        "by_kind": dict(kinds.most_common()),
    }


def _make(indices: Sequence[int], settings: Settings, farm: RenderFarm) -> list[Item]:
    names = settings.domains
    by_domain = {
        name: [index for index in indices if names[index % len(names)] == name] for name in dict.fromkeys(names)
    }
    made = {}
    for name, own in by_domain.items():
        items = _make_domain(Tasks(DOMAINS[name], "warmstart"), own, settings, farm)
        made |= dict(zip(own, items, strict=True))
    return [made[index] for index in indices]


def _make_domain(tasks: Tasks, indices: Sequence[int], settings: Settings, farm: RenderFarm) -> list[Item]:
    author = Author(settings.skill, settings.sight, settings.failure_rate, settings.slip_rate)
    kind = tasks.domain.kind
    # The same index always gets the same generator, whatever shards were made before.
    generators = [np.random.default_rng([settings.seed, index]) for index in indices]
    references = clean_tasks(tasks, indices, farm, settings.max_side)
    programs = [author.write(task, rng) for (task, _), rng in zip(references, generators, strict=True)]
    futures = [farm.submit(program.source, kind, max_side=settings.max_side) for program in programs]
    scenes = [
        settle(farm, program.source, kind, settings.max_side, future.result())
        for program, future in zip(programs, futures, strict=True)
    ]
    return [
        _item(task, reference, program, scene, rng, settings)
        for (task, reference), program, scene, rng in zip(references, programs, scenes, generators, strict=True)
    ]


def _item(
    task: Task, reference: Scene, program: Program, scene: Scene, rng: np.random.Generator, settings: Settings
) -> Item:
    defects = [defect for defect in detect(scene, reference) if defect.severity > 0]
    if defects:
        author = Author(settings.skill, settings.sight, settings.second_failure_rate, settings.slip_rate)
        drafts = [author.write(task, rng) for _ in range(settings.variants)]
        variants = [_variant(task, program, scene, defects, draft, rng, settings) for draft in drafts]
    else:
        clean = task.write(program.decisions)
        variants = [Variant(None, clean.source, (), tuple(clean.spans.values()), ())]
    return Item(
        task.id,
        task.domain.kind,
        task.instruction,
        reference.image,
        program.source,
        scene.image,
        tuple(defect.kind for defect in defects),
        tuple(variants),
    )


def _variant(
    task: Task,
    program: Program,
    scene: Scene,
    defects: list[Defect],
    draft: Program,
    rng: np.random.Generator,
    settings: Settings,
) -> Variant:
    chosen = set(rng.choice(len(defects), size=int(rng.integers(1, len(defects) + 1)), replace=False))
    slipped = program.content != task.content
    reported = [
        defect
        for index, defect in enumerate(defects)
        # A slip is corrected in any case, so it is always told.
        if index in chosen or (slipped and defect.kind in PRESENCE_KINDS)
    ]
    minded = correction(task, program, reported, rng, settings.reviser_skill)
    target = revise(task, draft, minded)
    revised = tuple(span for name, span in target.spans.items() if name in minded.decisions)
    for role in sorted(minded.failures):
        revised += target.wording(role)
    if slipped and any(defect.kind in PRESENCE_KINDS for defect in reported):
        revised += tuple(restored(task.content, program.content, target.source))
    return Variant(
        feedback_text(scene, reported, settings.feedback_chars),
        target.source,
        tuple(defect.kind for defect in reported),
        tuple(target.spans.values()),
        revised,
    )


def _claim(folder: str | os.PathLike, settings: Settings) -> None:
    path = os.path.join(folder, "settings.json")
    wanted = json.loads(json.dumps(dataclasses.asdict(settings)))
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            present = json.load(file)
        if present != wanted:
            changed = ", ".join(sorted(name for name in wanted if present.get(name) != wanted[name]))
            raise ValueError(f"{folder} holds a corpus with other settings ({changed}); choose another folder")
        return
    _replace(path, json.dumps(wanted, indent=1).encode())


def _shard_path(folder: str | os.PathLike, start: int) -> str:
    return os.path.join(folder, f"items-{start:06d}.npz")


def _write_shard(path: str, items: list[Item]) -> None:
    images: list[bytes] = []
    rows = []
    for item in items:
        row = dataclasses.asdict(item)
        for name in ("image", "author_image"):
            if row[name] is not None:
                images.append(_encode(row[name]))
                row[name] = len(images) - 1
        rows.append(row)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        items=np.frombuffer(json.dumps(rows).encode(), np.uint8),
        images=np.frombuffer(b"".join(images), np.uint8),
        offsets=np.cumsum([0, *map(len, images)], dtype=np.int64),
    )
    _replace(path, buffer.getvalue())


def _replace(path: str, content: bytes) -> None:
    """Writes a file so that it is either there as a whole or not at all."""
    with open(path + ".part", "wb") as file:
        file.write(content)
    os.replace(path + ".part", path)


def _encode(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _decode(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", help="where the corpus is, or will be")
    parser.add_argument("--tokenizer", help="folder for a tokenizer trained on the corpora")
    parser.add_argument(
        "--corpora", default="", help="comma-separated folders that the tokenizer is trained on as well"
    )
    parser.add_argument("--vocabulary", type=int, default=1024, help="tokens of the tokenizer")
    parser.add_argument("--domains", default="chart", help=f"comma-separated, of {', '.join(DOMAINS)}")
    parser.add_argument("--count", type=int, default=Settings.count)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--workers", type=int, default=2, help="render processes")
    options = parser.parse_args()
    domains = tuple(options.domains.split(","))
    if unknown := set(domains) - set(DOMAINS):
        parser.error(f"--domains: {min(unknown)!r} is unknown; choose of {', '.join(DOMAINS)}")
    if not options.folder and not (options.tokenizer and options.corpora):
        parser.error("give --folder to make a corpus, or --tokenizer and --corpora to train a tokenizer on some")
    corpora = [Corpus(folder) for folder in filter(None, options.corpora.split(","))]
    if options.folder:
        settings = Settings(domains=domains, count=options.count, seed=options.seed)
        with RenderFarm(workers=options.workers) as farm:
            corpora.append(build(options.folder, settings, farm))
        print(json.dumps(statistics(corpora[-1]), indent=1))
    if options.tokenizer:
        train_tokenizer(corpora, options.tokenizer, options.vocabulary)


if __name__ == "__main__":
    main()
