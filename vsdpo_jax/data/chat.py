"""Conversations as token ids, M-RoPE positions and visual indices, computed on the host.

A conversation is cut at special tokens, so its pieces are tokenised separately and still concatenate to exactly
what Hugging Face's processor gives for the whole:

    prefix    [system turn] <|im_start|>user\\n {images} text <|im_end|>\\n
    header    <|im_start|>assistant\\n
    feedback  <|im_start|>user\\n {image} text <|im_end|>\\n <|im_start|>assistant\\n
    response  text <|im_end|>
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Sequence as Many

import numpy as np

from vsdpo_jax.data.images import Grid
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.inputs import Sequence

TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"


@dataclasses.dataclass(frozen=True)
class Piece:
    """Part of a conversation.

    Attributes:
      ids: int32[T].
      positions: int32[3, T].
      visual_index: int32[T], -1 for text.
      next_position: the position of the token that follows.
    """

    ids: np.ndarray
    positions: np.ndarray
    visual_index: np.ndarray
    next_position: int

    def __len__(self) -> int:
        return len(self.ids)

    def __add__(self, other: Piece) -> Piece:
        """This piece, then one that was built to start at its `next_position`."""
        return Piece(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.positions, other.positions], axis=1),
            np.concatenate([self.visual_index, other.visual_index]),
            other.next_position,
        )


@dataclasses.dataclass(frozen=True)
class Chat:
    """Builds the pieces of a conversation for one tokenizer and model.

    Attributes:
      tokenizer: a Hugging Face tokenizer with Qwen's chat tokens.
      config: of the model.
      tokens_per_image: M, merged tokens that an image slot has room for; slot i's tokens start at i * M.
    """

    tokenizer: object
    config: Qwen3VLConfig
    tokens_per_image: int

    @classmethod
    def from_hf(cls, folder: str | pathlib.Path, tokens_per_image: int) -> Chat:
        """With the tokenizer and config of a Hugging Face folder."""
        return cls(load_tokenizer(folder), Qwen3VLConfig.from_hf(folder), tokens_per_image)

    @functools.cached_property
    def end_of_turn(self) -> int:
        """The id that ends a response."""
        return self.tokenizer.convert_tokens_to_ids(TURN_END)

    @functools.cached_property
    def start_of_turn(self) -> int:
        """The id that starts a turn, before its role."""
        return self.tokenizer.convert_tokens_to_ids(TURN_START)

    @functools.cached_property
    def banned_ids(self) -> tuple[int, ...]:
        """Ids that a response must never contain: the vision tokens, and the start of a turn."""
        config = self.config
        vision = (config.image_token_id, config.video_token_id)
        markers = (config.vision_start_token_id, config.vision_end_token_id)
        return tuple(sorted({*vision, *markers, self.start_of_turn}))

    def prefix(self, text: str, grids: Many[Grid] = (), *, system: str | None = None, first_slot: int = 0) -> Piece:
        """The user turn: images first, in slots `first_slot`, `first_slot + 1`, …, then the text."""
        before = () if system is None else self._turn("system", (), system)
        return self.piece([*before, *self._turn("user", grids, text)], first_slot=first_slot)

    def header(self, start: int) -> Piece:
        """What the student's response follows; `start` is the prefix's `next_position`."""
        return self.piece([self.start_of_turn, "assistant\n"], start=start)

    def feedback(self, text: str, grid: Grid | None = None, *, slot: int = 0, start: int) -> Piece:
        """The teacher's extra user turn, with the render if its grid is given, and the header.

        No text and no render give the header alone, so that the teacher then sees what the student sees.
        """
        if not text and grid is None:
            return self.header(start)
        turn = self._turn("user", () if grid is None else (grid,), text)
        return self.piece([*turn, self.start_of_turn, "assistant\n"], start=start, first_slot=slot)

    def response(self, text: str, *, start: int) -> Piece:
        """A response as a training target: its text and the end-of-turn token."""
        return self.piece([text, self.end_of_turn], start=start)

    def sampled(self, ids: np.ndarray, *, start: int) -> Piece:
        """A response from the ids that were sampled."""
        ids = np.asarray(ids, np.int32)
        line = np.arange(start, start + len(ids), dtype=np.int32)
        return Piece(ids, np.tile(line, (3, 1)), np.full(len(ids), -1, np.int32), start + len(ids))

    def piece(self, parts: Many[str | int | Grid], *, start: int = 0, first_slot: int = 0) -> Piece:
        """Tokenises a conversation given in parts.

        Args:
          parts: a string is text in which nothing is special, so that code which spells `<|im_end|>` ends no turn;
            an int is the id of a special token; a grid is an image and the vision markers around it.
          start: position of the first token.
          first_slot: of the first image.

        Raises:
          ValueError: an image has too many tokens.
        """
        pieces = [self.sampled([], start=start)]
        slot = first_slot
        for part in parts:
            position = pieces[-1].next_position
            if isinstance(part, tuple):
                pieces.append(self.sampled([self.config.vision_start_token_id], start=position))
                pieces.append(self.image(part, slot=slot, start=position + 1))
                pieces.append(self.sampled([self.config.vision_end_token_id], start=pieces[-1].next_position))
                slot += 1
            else:
                pieces.append(self.sampled([part] if isinstance(part, int) else self._text_ids(part), start=position))
        return functools.reduce(Piece.__add__, pieces)

    def _turn(self, role: str, grids: Many[Grid], text: str) -> list[str | int | Grid]:
        # Text that nothing separates is tokenised together.
        words = [f"{role}\n", *grids, text] if grids else [f"{role}\n{text}"]
        return [self.start_of_turn, *words, self.end_of_turn, "\n"]

    def _text_ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)

    def image(self, grid: Grid, *, slot: int, start: int) -> Piece:
        """The merged tokens of the image in a slot, without the vision markers around them."""
        merge = self.config.vision.spatial_merge_size
        t, h, w = grid[0], grid[1] // merge, grid[2] // merge
        count = t * h * w
        if count > self.tokens_per_image:
            raise ValueError(f"an image of {count} tokens does not fit into {self.tokens_per_image}")
        positions = np.stack(np.meshgrid(np.arange(t), np.arange(h), np.arange(w), indexing="ij")).reshape(3, -1)
        return Piece(
            np.full(count, self.config.image_token_id, np.int32),
            (positions + start).astype(np.int32),
            np.arange(count, dtype=np.int32) + slot * self.tokens_per_image,
            start + max(h, w),
        )


def load_tokenizer(folder: str | pathlib.Path):
    """The Hugging Face tokenizer of a folder, never from the network.

    Raises:
      FileNotFoundError: the folder has no tokenizer.
    """
    import transformers

    folder = pathlib.Path(folder)
    if not (folder / "tokenizer.json").is_file() and not (folder / "tokenizer_config.json").is_file():
        raise FileNotFoundError(f"no tokenizer in {folder}: expected tokenizer.json or tokenizer_config.json")
    return transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def stack_pieces(pieces: Many[Many[Piece]], length: int, *, align: str, pad_id: int = 0) -> Sequence:
    """Pads N x G pieces to int32[N, G, length]; `align` is where the tokens go, `left` or `right`.

    Raises:
      ValueError: a piece is longer than `length`: shorten it as text, never as ids.
    """
    n, g = len(pieces), len(pieces[0])
    tokens = np.full((n, g, length), pad_id, np.int32)
    positions = np.zeros((3, n, g, length), np.int32)
    valid = np.zeros((n, g, length), bool)
    visual_index = np.full((n, g, length), -1, np.int32)
    for i, row in enumerate(pieces):
        for j, piece in enumerate(row):
            if len(piece) > length:
                raise ValueError(f"a sequence of {len(piece)} tokens does not fit into {length}")
            place = slice(0, len(piece)) if align == "left" else slice(length - len(piece), length)
            tokens[i, j, place] = piece.ids
            positions[:, i, j, place] = piece.positions
            valid[i, j, place] = True
            visual_index[i, j, place] = piece.visual_index
    return Sequence(tokens, positions, valid, visual_index)
