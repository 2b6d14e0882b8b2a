"""Prepared sets on `gs://`: published files are read there, and records are read there one by one."""

import pytest

from tests.data import prepared_files as files
from vsdpo_jax import storage
from vsdpo_jax.data.prepared import builder
from vsdpo_jax.data.prepared.builder import PreparedSet
from vsdpo_jax.data.prepared.checks import Limits
from vsdpo_jax.data.prepared.sets import configure
from vsdpo_jax.data.prepared.source import PreparedRecords
from vsdpo_jax.errors import UserError

LIMITS = Limits(execute=False, heldout=0.2)


def _upload(local, place):
    for path in sorted(path for path in local.rglob("*") if path.is_file()):
        storage.write_whole(place / path.relative_to(local).as_posix(), path.read_bytes())


def _read(path):
    records = PreparedRecords(path, "train")
    return [
        (record["id"], record["code"], record["images"][0].tobytes()) for record in records.read(range(len(records)))
    ]


def test_a_set_in_a_bucket_equals_the_one_in_a_folder(gcs, tmp_path):
    files.write_websight(tmp_path / "source", 8, 2)
    place = gcs.folder()
    _upload(tmp_path / "source", place / "source")
    settings = configure("websight", {})
    counts = PreparedSet(settings, place / "out", place / "source", LIMITS, rows=6).prepare(None)
    assert counts == PreparedSet(settings, tmp_path / "out", tmp_path / "source", LIMITS, rows=6).prepare(None)
    assert _read(place / "out") == _read(tmp_path / "out")


def test_pictures_are_read_from_an_archive_in_a_bucket(gcs, tmp_path):
    files.write_chart2code(tmp_path, 4, as_lines=True)
    place = gcs.folder()
    _upload(tmp_path, place / "source")
    counts = PreparedSet(configure("chart2code", {}), tmp_path / "out", place / "source", LIMITS).prepare(None)
    assert counts["dropped"] == {} and counts["train"] + counts["heldout"] == 4


def test_what_was_written_before_uploads_failed_is_not_made_again(gcs, tmp_path, monkeypatch):
    files.write_websight(tmp_path / "source", 8, 1)
    place = gcs.folder()
    made, failing = [], []
    original = builder.check

    def fail_later(entries, *rest):
        made.append([entry.id for entry in entries])
        if failing and entries[0].id == "00000-0000004":
            gcs.fail(1000, 418)
        return original(entries, *rest)

    monkeypatch.setattr(builder, "_THREADS", 1)
    monkeypatch.setattr(builder, "check", fail_later)
    settings = configure("websight", {})
    failing.append(True)
    with pytest.raises(UserError, match=r"gs://.*array_record-00002-of-00004 cannot be written: .*same command again"):
        PreparedSet(settings, place, tmp_path / "source", LIMITS, rows=2).prepare(None)
    gcs.fail(0)
    failing.clear()
    made.clear()
    counts = PreparedSet(settings, place, tmp_path / "source", LIMITS, rows=2).prepare(None)
    assert counts["rows"] == 8
    assert made == [["00000-0000004", "00000-0000005"], ["00000-0000006", "00000-0000007"]]
