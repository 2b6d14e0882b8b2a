"""Which characters of the decoded text each sampled id wrote, from the ids' own bytes.

Decoded text is never tokenised again: the same text has many tokenisations, and the sampler may use any of them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence

import numpy as np

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def token_spans(tokenizer, ids: Sequence[int]) -> tuple[str, np.ndarray]:
    """Decodes ids and says what each wrote.

    A character whose bytes come from several ids belongs to all of them: their spans overlap. Special tokens write
    nothing. Bytes that are no valid UTF-8 become U+FFFD, one for each maximal invalid run as in `bytes.decode`.

    Args:
      tokenizer: a fast Hugging Face tokenizer, byte-level BPE (Qwen) or BPE with byte fallback (sentencepiece).
      ids: int[T].

    Returns:
      (text, int32[T, 2] character spans [start, end)).
    """
    pieces = [token_bytes(tokenizer, int(i)) for i in ids]
    text, character_of_byte = _decode(b"".join(pieces))
    spans = np.zeros((len(pieces), 2), np.int32)
    position = 0
    for number, piece in enumerate(pieces):
        start, position = position, position + len(piece)
        # An empty piece sits between characters: after the last one that has begun.
        first = character_of_byte[start] if start < len(character_of_byte) else len(text)
        spans[number] = first, character_of_byte[position - 1] + 1 if piece else first
    return text, spans


def token_bytes(tokenizer, token_id: int) -> bytes:
    """The bytes that an id writes; none for a special token or an id outside the vocabulary."""
    return _byte_table(tokenizer)[token_id] if token_id < len(_byte_table(tokenizer)) else b""


_TABLES: dict[int, tuple[object, list[bytes]]] = {}


def _byte_table(tokenizer) -> list[bytes]:
    # Keyed by identity and kept with the tokenizer, so that the identity cannot be given to another.
    if id(tokenizer) not in _TABLES:
        _TABLES[id(tokenizer)] = (tokenizer, _make_byte_table(tokenizer))
    return _TABLES[id(tokenizer)][1]


def _make_byte_table(tokenizer) -> list[bytes]:
    vocabulary = tokenizer.get_vocab()
    to_bytes = _byte_level_piece if _is_byte_level(tokenizer) else functools.partial(_fallback_piece, _space(tokenizer))
    added = tokenizer.added_tokens_decoder
    special = {index for index, token in added.items() if token.special} | set(tokenizer.all_special_ids)
    table = [b""] * (max(vocabulary.values()) + 1)
    for piece, index in vocabulary.items():
        if index in special:
            continue
        # Added tokens are stored as plain text, outside the alphabet of the model's own pieces.
        table[index] = piece.encode() if index in added else to_bytes(piece)
    return table


def _description(tokenizer) -> dict:
    return json.loads(tokenizer.backend_tokenizer.to_str())


def _is_byte_level(tokenizer) -> bool:
    return '"ByteLevel"' in json.dumps(_description(tokenizer)["decoder"])


def _space(tokenizer) -> str | None:
    """The character that stands for a space in the pieces, if the decoder replaces one."""
    found = re.search(r'"\\u2581"|"▁"', json.dumps(_description(tokenizer)["decoder"]))
    return "▁" if found else None


def _fallback_piece(space: str | None, piece: str) -> bytes:
    byte = _BYTE_PIECE.fullmatch(piece)
    if byte:
        return bytes([int(byte[1], 16)])
    return (piece.replace(space, " ") if space else piece).encode()


def _byte_level_piece(piece: str) -> bytes:
    return bytes(_byte_of_character()[character] for character in piece)


@functools.cache
def _byte_of_character() -> dict[str, int]:
    """Inverse of the byte-level alphabet: printable Latin-1 stands for itself, the other bytes for 256, 257, …"""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _decode(data: bytes) -> tuple[str, list[int]]:
    """The text, and for each byte the index of the character it belongs to."""
    text, owner, position = [], [], 0
    while position < len(data):
        length = _character_length(data, position)
        character = data[position : position + length].decode("utf-8", errors="replace")
        owner.extend([len(text)] * length)
        text.append(character)
        position += length
    return "".join(text), owner


def _character_length(data: bytes, start: int) -> int:
    """Bytes of the character at `start`, or of the invalid run there that becomes one U+FFFD."""
    for length in range(1, 5):
        try:
            data[start : start + length].decode("utf-8")
            return length
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                return max(1, error.end - error.start)
            if start + length >= len(data):
                return len(data) - start
    raise AssertionError("no UTF-8 character is longer than four bytes")
