"""Reads the pictures that renderers hand over as PNG files.

Every render passes through here, and Pillow's decoder takes longer than drawing a slide does, so the decoder of
kornia-rs (the `png` crate) reads the two forms that renderers write. It is memory-safe as well, and files come from
jobs that nobody trusts.
"""

from __future__ import annotations

import struct

import numpy as np
from kornia_rs.io import decode_image_png_u8
from PIL import Image

# Signature, length and name of the first chunk, then width, height, depth and form of the pixels (PNG, 11.2.1).
_HEAD = struct.Struct(">8s4x4sIIBB")
_RGB, _RGBA = 2, 6


def read_png(data: bytes) -> np.ndarray:
    """The pixels of a PNG file of eight bits a channel, uint8[height, width, 3]; transparency is left out.

    Raises:
      ValueError: it is not a PNG file, or a broken one, or one of another form.
    """
    width, height, depth, form = _head(data)
    if depth == 8 and form == _RGB:
        return _decode(data, height, width, "rgb")
    if depth == 8 and form == _RGBA:
        return _without_alpha(_decode(data, height, width, "rgba"))
    raise ValueError(f"a PNG file of {depth} bits and form {form} where 8 bits of RGB or RGBA are expected")


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG file as it announces them; raises ValueError if it is none."""
    return _head(data)[:2]


def _head(data: bytes) -> tuple[int, int, int, int]:
    if len(data) < _HEAD.size:
        raise ValueError("this is not a PNG file")
    signature, name, *head = _HEAD.unpack_from(data)
    if signature != b"\x89PNG\r\n\x1a\n" or name != b"IHDR":
        raise ValueError("this is not a PNG file")
    return tuple(head)


def _decode(data: bytes, height: int, width: int, mode: str) -> np.ndarray:
    try:
        return decode_image_png_u8(data, (height, width), mode)
    except BaseException as error:
        # The decoder raises nothing more particular than Exception, and a panic inside it is not even that.
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise ValueError(f"the PNG file is broken: {error}") from None


def _without_alpha(image: np.ndarray) -> np.ndarray:
    """Pillow packs four channels into three in half the time of NumPy."""
    height, width = image.shape[:2]
    packed = Image.frombuffer("RGBA", (width, height), image, "raw", "RGBA", 0, 1).tobytes("raw", "RGB")
    return np.frombuffer(packed, np.uint8).reshape(height, width, 3)
