"""Rows and pictures of published files."""

import base64
import io
import json
import tarfile

import numpy as np
import pytest
from etils import epath
from PIL import Image

from tests.data.prepared_files import picture, write_chart2code, write_parquet
from vsdpo_jax.data.prepared import tables
from vsdpo_jax.data.prepared.pictures import BadPicture, Pictures, to_png
from vsdpo_jax.errors import UserError

ROWS = [{"number": number, "text": f"row {number} é"} for number in range(11)]


def _write(folder, suffix):
    path = folder / f"rows{suffix}"
    if suffix == ".parquet":
        write_parquet(path, ROWS, group=4)
    elif suffix == ".json":
        path.write_text(json.dumps(ROWS))
    elif suffix == ".csv":
        path.write_text("number,text\n" + "".join(f'{row["number"]},"{row["text"]}"\n' for row in ROWS))
    else:
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS[:5]) + "\n\n")
        with path.open("a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in ROWS[5:]))
    return epath.Path(path)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".json", ".csv"])
def test_any_run_of_rows_is_read(tmp_path, suffix):
    table = tables.open_table(_write(tmp_path, suffix))
    assert len(table) == 11
    for start, stop in ((0, 11), (0, 1), (3, 5), (4, 8), (7, 11), (10, 11), (5, 5)):
        assert [int(row["number"]) for row in table.rows(start, stop)] == list(range(start, stop)), (start, stop)
    assert next(table.rows(6, 7))["text"] == "row 6 é"


def test_parts_cover_every_row_once_and_never_two_files():
    parts = tables.split([5, 0, 4], 2)
    assert [(part.file, part.start, part.stop) for part in parts] == [
        (0, 0, 2),
        (0, 2, 4),
        (0, 4, 5),
        (2, 0, 2),
        (2, 2, 4),
    ]


def test_the_first_pattern_that_matches_chooses_the_files(tmp_path):
    for name in ("v0.2/train-1.parquet", "data/b.parquet", "data/a.parquet", "data/readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = tables.find_files(tmp_path, ["*.parquet", "data/*.parquet", "v0.2/*.parquet"])
    assert [path.name for path in found] == ["a.parquet", "b.parquet"]
    with pytest.raises(UserError, match=r"holds none of x/\*\.json: give the folder"):
        tables.find_files(tmp_path, ["x/*.json"])
    with pytest.raises(UserError, match="is not a folder"):
        tables.find_files(tmp_path / "nowhere", ["*.json"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", "PAR0", "is no parquet file"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"a": 1}', "expected a list of objects"),
        ("a.jsonl", '{"a": 1}\n[2]\n', "row 2 is not a JSON object"),
        ("a.txt", "", "is no table"),
    ],
)
def test_damaged_tables_are_named_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        table = tables.open_table(epath.Path(tmp_path / name))
        list(table.rows(0, len(table)))
    assert "\n" not in str(caught.value)


def test_pictures_are_found_in_cells_folders_and_archives(tmp_path):
    source = epath.Path(tmp_path)
    write_chart2code(tmp_path, 3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.png").write_bytes(picture(50))
    with tarfile.open(tmp_path / "more.tar", "w") as archive:
        info = tarfile.TarInfo("./deep/y.png")
        info.size = len(picture(51))
        archive.addfile(info, io.BytesIO(picture(51)))
    pictures = Pictures(source)
    assert pictures.content({"bytes": picture(7), "path": "z.png"}) == picture(7)
    assert pictures.content([picture(8)]) == picture(8)
    assert pictures.content("data:image/png;base64," + base64.b64encode(picture(9)).decode()) == picture(9)
    assert pictures.content("pictures/2.png") == picture(2)  # the archive has one folder more
    assert pictures.content("folder/x.png") == picture(50)
    assert pictures.content("deep/y.png") == picture(51)
    assert Pictures(source, "folder").content("x.png") == picture(50)
    for missing in ("pictures/3.png", "", None, {"bytes": None, "path": ""}, "../secret", "/etc/hostname"):
        with pytest.raises(BadPicture, match="no_image"):
            pictures.content(missing)
    with pytest.raises(UserError, match="does not exist"):
        Pictures(source, "nowhere")
    (tmp_path / "images.tar.gz").write_bytes(b"")
    with pytest.raises(UserError, match="unpack it"):
        Pictures(source, "images.tar.gz")


def test_pictures_become_png_of_a_bounded_size():
    assert to_png(picture(1), 10**6, 28) == picture(1)  # as it is
    for mode, form in (("L", "PNG"), ("P", "PNG"), ("RGB", "JPEG"), ("RGBA", "PNG")):
        with Image.open(io.BytesIO(to_png(picture(2, mode=mode, form=form), 10**6, 28))) as made:
            assert (made.format, made.mode, made.size) == ("PNG", "RGB", (60, 40))
    with Image.open(io.BytesIO(to_png(picture(3, 400, 600), 60_000, 28))) as made:
        assert made.size == (300, 200)
    clear = Image.fromarray(np.zeros((40, 40, 4), np.uint8))
    buffer = io.BytesIO()
    clear.save(buffer, format="PNG")
    with Image.open(io.BytesIO(to_png(buffer.getvalue(), 10**6, 28))) as made:
        assert np.asarray(made).min() == 255  # transparent shows the paper
    for content, reason in (
        (b"not a picture", "bad_image"),
        (picture(4)[:60], "bad_image"),
        (picture(5, 20), "small_image"),
    ):
        with pytest.raises(BadPicture, match=reason):
            to_png(content, 10**6, 28)
