"""Published archives, unpacked."""

import io
import tarfile
import zipfile

import pytest
from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.prepare import prepare_benchmark
from vsdpo_jax.prepare_data import DATASETS, parse

SCRIPT = b"import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('a.pdf')\n"
FILES = {"direct_600/line_1.py": SCRIPT, "direct_600/line_1.png": b"png", "direct_600/bar_2.py": SCRIPT}


def pack(path, files):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize("name", ["dataset-iclr.tar.gz", "dataset.zip"])
def test_an_archive_is_unpacked_and_counted(tmp_path, capsys, name):
    archive = pack(tmp_path / name, FILES)
    folder = prepare_benchmark("chartmimic", epath.Path(archive), epath.Path(tmp_path / "out"), {})
    assert (folder / "direct_600" / "line_1.png").read_bytes() == b"png"
    assert "3 files written, 0 were there; 2 examples" in capsys.readouterr().out
    (folder / "direct_600" / "bar_2.py").write_bytes(b"cut sh")
    prepare_benchmark("chartmimic", epath.Path(tmp_path), epath.Path(tmp_path / "out"), {})
    assert (folder / "direct_600" / "bar_2.py").read_bytes() == SCRIPT


def test_entries_that_leave_the_folder_are_not_written(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", FILES | {"../escaped.py": b"x", "/tmp/escaped_too.py": b"x"})
    prepare_benchmark("chartmimic", epath.Path(archive), epath.Path(tmp_path / "deep" / "out"), {})
    assert not list(tmp_path.rglob("escaped*"))


def test_a_damaged_archive_is_one_line(tmp_path):
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(pack(tmp_path / "b.tar.gz", FILES).read_bytes()[:60])
    with pytest.raises(UserError, match="is damaged"):
        prepare_benchmark("chartmimic", epath.Path(archive), epath.Path(tmp_path / "out"), {})


def test_what_is_no_copy_of_the_benchmark_is_said(tmp_path):
    archive = pack(tmp_path / "a.zip", {"readme.txt": b"x"})
    with pytest.raises(UserError, match="holds no ChartMimic examples"):
        prepare_benchmark("chartmimic", epath.Path(archive), epath.Path(tmp_path / "out"), {})


def test_the_command_knows_the_benchmarks(tmp_path):
    pack(tmp_path / "a.tar.gz", FILES)
    request = parse(["--dataset=chartmimic", f"--source={tmp_path}", f"--out={tmp_path / 'out'}"])
    DATASETS[request.name](request)
    assert (tmp_path / "out" / "chartmimic" / "direct_600" / "bar_2.py").exists()
