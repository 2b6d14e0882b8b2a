"""Files that are written whole, on local folders."""

import os

import pytest
from etils import epath

from vsdpo_jax import storage
from vsdpo_jax.errors import UserError


def test_a_path_in_an_object_store_is_absolute_whatever_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert str(storage.absolute("gs://bucket/run")) == "gs://bucket/run"
    assert str(storage.absolute(epath.Path("gs://bucket/run"))) == "gs://bucket/run"
    assert str(storage.absolute("runs/demo")) == str(tmp_path / "runs/demo")


def test_whole_files_replace_what_was_there_and_leave_nothing_else(tmp_path):
    path = tmp_path / "a" / "b.json"
    storage.write_whole(path, "old")
    storage.write_whole(path, "né".encode())
    assert path.read_text() == "né"
    assert os.listdir(path.parent) == ["b.json"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^.*file/b\.json cannot be written: .*check the folder.*$") as caught:
        storage.write_whole(tmp_path / "file" / "b.json", "x")
    assert "\n" not in str(caught.value)


def test_lines_start_from_what_is_kept_and_grow(tmp_path):
    path = tmp_path / "lines"
    path.write_text("stale\n")
    lines = storage.LineFile(path, "1\n")
    lines.append("2")
    lines.append("3")
    assert path.read_text() == "1\n2\n3\n"


def test_what_grows_is_mirrored_when_it_is_time(tmp_path):
    local, place = tmp_path / "local", tmp_path / "place"
    local.mkdir()
    (local / "events").write_bytes(b"1")
    mirror = storage.Mirror(local, place, seconds=1000)
    mirror.update()
    (local / "events").write_bytes(b"12")
    mirror.update()
    assert (place / "events").read_bytes() == b"1"
    mirror.update(now=True)
    assert (place / "events").read_bytes() == b"12"


def test_a_local_file_is_put_in_place(tmp_path):
    (tmp_path / "made").write_bytes(b"data")
    storage.copy_in(tmp_path / "made", tmp_path / "out" / "final")
    assert (tmp_path / "out" / "final").read_bytes() == b"data"
    assert not (tmp_path / "made").exists()
