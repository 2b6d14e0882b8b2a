"""Benchmarks from their published archives: unpacked, checked and counted.

python -m vsdpo_jax.prepare_data --dataset=chartmimic --source=gs://BUCKET/dataset-iclr.tar.gz --out=DIR
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import IO

from etils import epath
from tqdm import tqdm

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.registry import open_benchmark
from vsdpo_jax.storage import write_whole

_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
_PIECE = 1 << 20


def prepare_benchmark(name: str, source: epath.Path, out: epath.Path, options: Mapping[str, str]) -> epath.Path:
    """Brings a benchmark's published files to `out/NAME`; returns that folder, which `--data` of `evaluate` takes.

    Args:
      name: of the benchmark.
      source: an archive (`.tar.gz`, `.tar`, `.zip`), or a folder with archives or with the unpacked files.
      out: where to; files that are there in full are not written again, so an interrupted run goes on.
      options: of the benchmark, for the count at the end.

    Raises:
      UserError: `source` cannot be read, an archive is damaged, or what came out is no copy of the benchmark.
    """
    benchmark = open_benchmark(name, options)
    folder = epath.Path(out) / name
    written = kept = 0
    with tqdm(unit="file", desc=name, dynamic_ncols=True) as bar:
        for place, size, content in _files(epath.Path(source)):
            path = folder / str(place)
            if path.exists() and path.stat().length == size:
                kept += 1
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content.read())
                written += 1
            bar.update()
    print(f"{written} files written, {kept} were there; {len(benchmark.load(folder))} examples")
    print(f"{folder}\n  evaluate with --benchmark={name} --data={folder}")
    return folder


def _files(source: epath.Path) -> Iterator[tuple[PurePosixPath, int, IO[bytes]]]:
    """(path, bytes, content) of every file, those of archives included."""
    if not source.exists():
        raise UserError(f"--source={source} does not exist: give an archive or a folder")
    if not source.is_dir():
        yield from _unpacked(source)
        return
    folders = [source]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.is_dir():
                folders.append(path)
            elif path.name.endswith(_ARCHIVES):
                yield from _unpacked(path)
            else:
                with path.open("rb") as file:
                    yield PurePosixPath(str(path.relative_to(source))), path.stat().length, file


def _unpacked(archive: epath.Path) -> Iterator[tuple[PurePosixPath, int, IO[bytes]]]:
    if not archive.name.endswith(_ARCHIVES):
        raise UserError(f"--source={archive} is no archive that can be read: expected {', '.join(_ARCHIVES)}")
    try:
        with archive.open("rb") as file:
            if archive.name.endswith(".zip"):
                with zipfile.ZipFile(file) as unzipped:
                    for entry in unzipped.infolist():
                        if not entry.is_dir() and (place := _inside(entry.filename)) is not None:
                            yield place, entry.file_size, unzipped.open(entry)
            else:
                # As a stream: an archive in a bucket is read once from front to back.
                with tarfile.open(fileobj=file, mode="r|*", bufsize=_PIECE) as untarred:
                    for entry in untarred:
                        if entry.isfile() and (place := _inside(entry.name)) is not None:
                            yield place, entry.size, untarred.extractfile(entry)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise UserError(f"--source={archive} is damaged: {error}: copy it again") from error


def _inside(name: str) -> PurePosixPath | None:
    """The path of an entry; None for one that would leave the folder, and for what macOS adds."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "__MACOSX" in path.parts or path.name.startswith("._"):
        return None
    return path
