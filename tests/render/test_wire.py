"""Reading what an untrusted job answered: anything but the agreed form is a WireError, never another exception."""

import io
import json
import random

import pytest
from PIL import Image

from vsdpo_jax.render import wire
from vsdpo_jax.types import Scene, Statement

SOURCE = "a = 1\nb = 2\n"
STATEMENTS = {"statements": [[0, 5, 1, 1], [6, 11, 2, 2]]}
ELEMENT = {
    "kind": "text", "box": [0, 0, 1.5, 1], "text": "é", "clip": [0, 0, 2, 1], "color": [0, 0.5, 2], "background": None,
    "font_size": 9.5, "z_order": 1, "statements": [1, 0], "group": "g", "parts": [[0, 0, 1, 1]],
    "styles": [["color", 0]],
}  # fmt: skip
RESULT = {"width": 2, "height": 1, "elements": [ELEMENT], "warnings": ["w"]}
PIXELS = bytes(range(6))


def answer(*frames) -> bytes:
    return b"".join(wire.pack(message, payload) for message, payload in frames)


def read(result=RESULT, payload=PIXELS, statements=STATEMENTS) -> Scene:
    return wire.read_scene(SOURCE, "chart", answer((statements, b""), (result, payload)))


def test_a_good_answer():
    scene = read()
    assert (scene.width, scene.height, scene.image.tolist()) == (2, 1, [[[0, 1, 2], [3, 4, 5]]])
    first, second = Statement(0, 5, 1, 1), Statement(6, 11, 2, 2)
    (element,) = scene.elements
    assert scene.statements == (first, second) and element.statements == (second, first)
    assert element.color == (0.0, 0.5, 1.0) and element.box == (0.0, 0.0, 1.5, 1.0) and element.text == "é"
    assert element.styles == (("color", first),) and scene.warnings == ("w",) and scene.error is None


def slides(*sizes) -> tuple[dict, bytes]:
    """An answer with a picture file for each (width, height), of rising greys."""
    files = []
    for grey, size in enumerate(sizes):
        buffer = io.BytesIO()
        Image.new("RGB", size, (grey,) * 3).save(buffer, "png")
        files.append(buffer.getvalue())
    message = {"width": sizes[0][0], "height": sum(height for _, height in sizes), "elements": []}
    return message | {"pictures": [len(file) for file in files]}, b"".join(files)


def test_pictures_stand_below_each_other():
    scene = read(*slides((3, 2), (3, 1)))
    assert scene.image.tolist() == [[[0] * 3] * 3] * 2 + [[[1] * 3] * 3] and not scene.image.flags.writeable


def test_pictures_that_do_not_fit_are_not_unpacked(monkeypatch):
    monkeypatch.setattr(wire, "read_png", lambda data: pytest.fail("unpacked"))
    good, payload = slides((3, 2), (3, 1))
    high, tall = slides((3, 5000))
    huge = payload[:16] + b"\x00\x01\x00\x00" * 2 + payload[24:]
    for message, data in [
        (good | {"width": 4}, payload), (high | {"height": 2}, tall), (good, huge), (good, b"x" * len(payload)),
        (good | {"width": 1 << 16, "height": 1 << 16}, huge), (good | {"pictures": [-1]}, payload),
        (good | {"pictures": "all"}, payload), (good | {"pictures": []}, b""), (good | {"width": 0}, payload),
    ]:  # fmt: skip
        with pytest.raises(wire.WireError):
            read(message, data)


def test_pictures_with_something_between_or_behind_them():
    message, payload = slides((3, 2), (3, 1))
    first, second = message["pictures"]
    for changed, data in [
        (message, payload + b"x"), (message | {"pictures": [first]}, payload), (message | {"height": 4}, payload),
        (message | {"pictures": [first - 9, second + 9]}, payload),
    ]:  # fmt: skip
        with pytest.raises(wire.WireError):
            read(changed, data)


def test_an_error():
    scene = read({"status": "timeout", "message": "m", "statement": 1}, b"")
    assert scene.error.statement == Statement(6, 11, 2, 2) and scene.error.status == "timeout" and scene.image is None


def test_lines_end_as_python_ends_them():
    # \\r and \\r\\n end a line, \\x0c and \\u2028 do not.
    source = "a = 1\rb = '\u2028\x0c'\r\nc = 3"
    rows = [[0, 5, 1, 1], [6, 14, 2, 2], [16, 21, 3, 3]]
    scene = wire.read_scene(source, "chart", answer(({"statements": rows}, b""), (RESULT, PIXELS)))
    assert [source[s.start : s.end] for s in scene.statements] == ["a = 1", "b = '\u2028\x0c'", "c = 3"]


@pytest.mark.parametrize(
    "statements",
    [7, [7], [[0, 5, 1]], [[0, 99, 1, 1]], [[3, 2, 1, 1]], [[0, 5, 1, 9]], [[-1, 5, 1, 1]], [[0, 5, 0, 1]]],
)
def test_bad_statements(statements):
    with pytest.raises(wire.WireError):
        read(statements={"statements": statements})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 3), ("width", 0), ("width", -2), ("width", True), ("width", 2.0), ("height", None), ("elements", {}),
        ("elements", [7]), ("warnings", 7), ("warnings", {"a": 1}), ("warnings", [7]), ("status", "ok"),
        ("status", "sandbox-setup"), ("status", []),
    ],
)  # fmt: skip
def test_bad_results(name, value):
    with pytest.raises(wire.WireError):
        read(RESULT | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("box", None), ("box", [0, 0, 1]), ("box", [0, 0, 1, "1"]), ("box", [0, 0, 1, 10**400]), ("color", [0, 0]),
        ("clip", 7), ("font_size", "9"), ("z_order", None), ("statements", [2]), ("statements", [-1]),
        ("statements", 7), ("text", 7), ("kind", None), ("group", []), ("parts", 7), ("parts", [[0]]), ("styles", [1]),
        ("styles", [["color", 9]]),
    ],
)  # fmt: skip
def test_bad_elements(name, value):
    with pytest.raises(wire.WireError):
        read(RESULT | {"elements": [ELEMENT | {name: value}]})


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"{", b"\xff", b"7", b'{"width":1e999}', b'{"width":NaN}', b"9" * 5000]
)
def test_bad_json(text):
    with pytest.raises(wire.WireError):
        wire.read_scene(SOURCE, "chart", wire.HEADER.pack(len(text), 0) + text)
    assert wire.read_statements(SOURCE, wire.HEADER.pack(len(text), 0) + text) == ()


def test_text_is_cut_to_its_limit():
    assert len(read(RESULT | {"elements": [ELEMENT | {"text": "x" * 10**6}]}).elements[0].text) == wire.LONGEST_TEXT


def test_any_damage_to_an_answer_is_noticed_or_harmless():
    good, chance = answer((STATEMENTS, b""), (RESULT, PIXELS)), random.Random(0)
    noticed = 0
    for _ in range(2000):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(good))] = chance.randrange(256)
        del damaged[chance.choice([len(good), chance.randrange(len(good))]) :]
        try:
            assert isinstance(wire.read_scene(SOURCE, "chart", bytes(damaged)), Scene)
        except wire.WireError:
            noticed += 1
    assert noticed > 1000


def test_frames_survive_any_split():
    messages = [({"a": 1}, b"xy"), ({"b": "é"}, b""), ({}, bytes(1000))]
    data = answer(*messages)
    for cut in range(0, len(data), 37):
        found = [(json.loads(bytes(text)), bytes(payload)) for text, payload in wire.split(data[:cut])]
        assert found == messages[: len(found)]
    assert len(wire.split(data)) == 3
