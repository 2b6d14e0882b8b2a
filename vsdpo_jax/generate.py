"""Talk to a model.

python -m vsdpo_jax.generate --model=FOLDER --image=chart.png --prompt="Write code that draws this chart."
python -m vsdpo_jax.generate --model=FOLDER --prompt="Hello" --json --temperature=0 --max_tokens=64

Prints the answer while it is written; with `--json` one object with token ids, text and log-probabilities
instead, so that other implementations can be compared from outside.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from absl import app, flags
from PIL import Image, UnidentifiedImageError

from vsdpo_jax.data.chat import Chat, stack_pieces
from vsdpo_jax.data.images import ImageProcessor, pack_images
from vsdpo_jax.data.tokenizer import token_spans
from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.model import weights
from vsdpo_jax.model.qwen3vl import split_abstract
from vsdpo_jax.policy import model_folder
from vsdpo_jax.rollout.sampler import SamplingConfig, sample


@dataclasses.dataclass(frozen=True)
class Answer:
    """One generated answer.

    Attributes:
      prompt_tokens: ids that the model was given, image placeholders included.
      tokens: ids that it wrote, the end-of-turn token included.
      logprobs: of each of `tokens`, under the full softmax at the temperature (at 1 when it is 0).
      text: the decoded answer.
      finished: it ended itself, rather than at `max_tokens`.
    """

    prompt_tokens: list[int]
    tokens: list[int]
    logprobs: list[float]
    text: str
    finished: bool


class Talker:
    """A model folder, loaded and ready to answer."""

    def __init__(self, name: str, dtype: str = "auto"):
        self.folder = model_folder(name)
        if dtype == "auto":
            dtype = "float32" if jax.default_backend() == "cpu" else "bfloat16"
        try:
            # Room for any image: one prompt is packed to exactly its own size.
            self.chat = Chat.from_hf(self.folder, tokens_per_image=0)
            self.config, self.params = weights.load(self.folder, dtype=jax.numpy.dtype(dtype))
        except (FileNotFoundError, ValueError) as error:
            raise UserError(f"model folder {name!r} cannot be used: {error}") from error
        self.graphdef, _ = split_abstract(self.config, dtype=jax.numpy.dtype(dtype), remat="none")

    def stop_ids(self) -> tuple[int, ...]:
        """The end of a turn, and whatever else the folder's generation config ends at."""
        file = self.folder / "generation_config.json"
        ends = json.loads(file.read_text()).get("eos_token_id") if file.is_file() else None
        listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
        return tuple(sorted({self.chat.end_of_turn, *listed}))

    def answer(
        self,
        prompt: str,
        images: Sequence[Image.Image] = (),
        *,
        system: str | None = None,
        seed: int = 0,
        on_token=None,
        **sampling,
    ) -> Answer:
        """Answers one prompt; `sampling` are fields of `SamplingConfig`, `on_token` is called with each id."""
        patches = [self._process(image) for image in images]
        room = max((len(image.patches) for image in patches), default=0)
        chat = dataclasses.replace(self.chat, tokens_per_image=room // self.config.vision.merge_unit)
        piece = chat.prefix(prompt, [image.grid for image in patches], system=system)
        piece = piece + chat.header(piece.next_position)
        packed = None
        if patches:
            packed = pack_images([patches], slots=len(patches), patches=room, config=self.config.vision)
        samples = sample(
            self.graphdef,
            self.params,
            stack_pieces([[piece]], len(piece), align="left"),
            packed,
            jax.random.key(seed),
            branches=1,
            config=SamplingConfig(stop_ids=self.stop_ids(), banned_ids=chat.banned_ids, **sampling),
            on_token=None if on_token is None else lambda token: on_token(int(token[0, 0])),
        )
        length = int(samples.lengths[0, 0])
        tokens = np.asarray(samples.tokens)[0, 0, :length].tolist()
        logprobs = np.asarray(samples.logp)[0, 0, :length].tolist()
        text = token_spans(chat.tokenizer, tokens)[0]
        return Answer(piece.ids.tolist(), tokens, logprobs, text, tokens[-1] in self.stop_ids())

    def _process(self, image: Image.Image):
        try:
            return ImageProcessor.from_hf(self.folder).process(image)
        except (FileNotFoundError, ValueError) as error:
            raise UserError(str(error)) from error


class Stream:
    """Prints tokens as text, waiting for characters whose bytes have not all come."""

    def __init__(self, tokenizer):
        self._tokenizer, self._ids, self._printed = tokenizer, [], 0

    def __call__(self, token: int) -> None:
        self._ids.append(token)
        text = token_spans(self._tokenizer, self._ids)[0]
        if not text.endswith("\ufffd"):
            print(text[self._printed :], end="", flush=True)
            self._printed = len(text)


def open_image(path: str) -> Image.Image:
    """The image in a file; raises UserError if there is none."""
    try:
        image = Image.open(Path(path).expanduser())
        image.load()
    except FileNotFoundError as error:
        raise UserError(f"image {path!r} does not exist") from error
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"image {path!r} cannot be read: {error}") from error
    return image


def define_flags() -> None:
    """Defined when run, not when imported: other commands have flags of the same names."""
    flags.DEFINE_string("model", None, "Hugging Face folder, or assets:NAME.", required=True)
    flags.DEFINE_string("prompt", None, "What to ask.", required=True)
    flags.DEFINE_multi_string("image", [], "Image files, shown before the prompt; may be given several times.")
    flags.DEFINE_string("system", None, "System message; none by default.")
    flags.DEFINE_integer("max_tokens", 1024, "Longest answer.", lower_bound=1)
    flags.DEFINE_float("temperature", 0.7, "0 takes the most likely token.", lower_bound=0.0)
    flags.DEFINE_float("top_p", 1.0, "Keep the most likely tokens of this total probability.", 1e-6, 1.0)
    flags.DEFINE_integer("top_k", 0, "Keep this many of the most likely tokens; 0 keeps all.", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "Of sampling.")
    flags.DEFINE_enum("dtype", "auto", ["auto", "float32", "bfloat16"], "auto: float32 on a CPU, else bfloat16.")
    flags.DEFINE_boolean("json", False, "Print one JSON object at the end.")


def main(_) -> None:
    given = flags.FLAGS
    images = [open_image(path) for path in given.image]
    talker = Talker(given.model, given.dtype)
    answer = talker.answer(
        given.prompt,
        images,
        system=given.system,
        seed=given.seed,
        on_token=None if given.json else Stream(talker.chat.tokenizer),
        temperature=given.temperature,
        top_p=given.top_p,
        top_k=given.top_k,
        max_tokens=given.max_tokens,
    )
    jax.effects_barrier()
    print(json.dumps(dataclasses.asdict(answer)) if given.json else "", flush=True)


if __name__ == "__main__":
    define_flags()
    app.run(lambda argv: exit_cleanly(lambda: main(argv)))
