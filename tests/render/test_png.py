"""Pictures of renderers: their PNG files give the pixels that Pillow reads; what is broken is a ValueError."""

import io

import numpy as np
import pytest
from PIL import Image

from vsdpo_jax.render.png import png_size, read_png

# Flat parts, gradients and noise, so that an encoder chooses every filter of rows.
ROWS, COLUMNS = np.mgrid[0:37, 0:53]
NOISE = np.random.default_rng(0).integers(0, 256, (37, 53))
PIXELS = np.stack([ROWS * 5, (ROWS + COLUMNS) * 2, np.where(ROWS > 25, NOISE, 9), COLUMNS * 4], axis=2).astype(np.uint8)


def encoded(picture: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_forms_that_renderers_write(mode):
    picture = Image.fromarray(PIXELS).convert(mode)
    image = read_png(encoded(picture))
    assert png_size(encoded(picture)) == (53, 37)
    assert (image.dtype, image.shape) == (np.uint8, (37, 53, 3)) and image.flags.c_contiguous
    assert np.array_equal(image, np.asarray(picture.convert("RGB")))


def test_transparency_is_left_out():
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[..., 0] = 200
    assert read_png(encoded(Image.fromarray(clear))).tolist() == [[[200, 0, 0]] * 2] * 2


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_is_broken(mode):
    data = encoded(Image.fromarray(PIXELS).convert(mode))
    at = data.index(b"IDAT") + 20
    damaged = [data[: len(data) // 2], data[:40], data[:10], b"", b"GIF89a" + data[6:], data[:at] + b"\xff" * 40]
    damaged.append(data[:16] + b"\x7f\xff\xff\xff" * 2 + data[24:])
    for broken in damaged:
        with pytest.raises(ValueError, match="PNG file"):
            read_png(broken)


@pytest.mark.parametrize("mode", ["P", "L", "LA", "1", "I;16"])
def test_another_form_is_refused(mode):
    flat = Image.new(mode, (4, 4))
    with pytest.raises(ValueError, match="where 8 bits of RGB or RGBA are expected"):
        read_png(encoded(flat))
