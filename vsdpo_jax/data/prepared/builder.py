"""A training set as a TFDS folder, made part by part so that it can be stopped at any moment and shared by hosts.

    OUT/NAME/1.0.0/settings.json                        what is prepared: another source or setting is refused
    OUT/NAME/1.0.0/parts/000012.json                    part 12 is done: its counts; written after its files
    OUT/NAME/1.0.0/NAME-train.array_record-00012-of-00312
    OUT/NAME/1.0.0/NAME-heldout.array_record-00012-of-00312
    OUT/NAME/1.0.0/counts.json                          what was kept and dropped, in all
    OUT/NAME/1.0.0/dataset_info.json, features.json     last: with them the folder is a TFDS data set

`tfds.builder_from_directory(folder).as_data_source("train")` reads it; nothing here imports TensorFlow.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from etils import epath
from tensorflow_datasets.core import dataset_builder, example_serializer
from tensorflow_datasets.core import splits as tfds_splits
from tqdm import tqdm

from vsdpo_jax.data.prepared import tables
from vsdpo_jax.data.prepared.checks import Limits, Task, check
from vsdpo_jax.data.prepared.pictures import Pictures
from vsdpo_jax.data.prepared.sets import Entry, TrainingSet, read_entry
from vsdpo_jax.errors import UserError
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.storage import copy_in, list_folder, read_bytes, write_whole

SPLITS = ("train", "heldout")
# Parts that are worked on at once: one is rendered while another is read or written.
_THREADS = 2


def features() -> tfds.features.FeaturesDict:
    """The columns of every prepared set; pictures are stored as encoded PNG, none or one a task."""
    return tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "kind": tfds.features.Text(),
            "prompt": tfds.features.Text(),
            "code": tfds.features.Text(),
            "images": tfds.features.Sequence(tfds.features.Image(shape=(None, None, 3), encoding_format="png")),
        }
    )


class PreparedSet(dataset_builder.FileReaderBuilder):
    """The TFDS builder of one training set.

    Args:
      settings: of the set; its name is the data set's.
      out: folder of prepared sets, local or `gs://`.
      source: folder of the published files, local or `gs://`.
      limits: what a task may be.
      rows: of the published files in one part, which becomes one file a split.
      count: only the first rows of the published files, 0 for all.
    """

    VERSION = tfds.core.Version("1.0.0")
    name = "prepared"

    def __init__(
        self,
        settings: TrainingSet,
        out: epath.PathLike,
        source: epath.PathLike,
        limits: Limits,
        rows: int = 512,
        count: int = 0,
    ):
        self._settings, self._source, self._limits, self._rows = settings, epath.Path(source), limits, rows
        self._count, self.name = count, settings.name
        super().__init__(data_dir=os.fspath(out), file_format="array_record", version="1.0.0")
        self.folder = epath.Path(self.data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        given = self._settings
        return tfds.core.DatasetInfo(
            builder=self,
            features=features(),
            description=given.about,
            homepage=given.homepage or None,
            license=given.licence or None,
        )

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        raise UserError("nothing is downloaded here: copy the published files and run vsdpo_jax.prepare_data")

    def prepare(self, farm: RenderFarm | None, host: int = 0, hosts: int = 1) -> dict[str, Any] | int:
        """Makes the parts that are missing, those of this host.

        Args:
          farm: runs the code; None if `limits.execute` is off.
          host, hosts: this host makes parts `host`, `host + hosts`, ….

        Returns:
          The counts of the whole set, or how many parts are left to other hosts.

        Raises:
          UserError: the source cannot be read, or `out` holds this set with other settings.
        """
        files = tables.find_files(self._source, self._settings.patterns)
        opened = [tables.open_table(path) for path in files]
        parts = self._parts([len(table) for table in opened])
        if not parts:
            raise UserError(f"--source={self._source}: the tables have no rows")
        self._claim(files, parts)
        done = self._done()
        mine = [number for number in range(host, len(parts), hosts) if number not in done]
        pictures = Pictures(self._source, self._settings.images)
        with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(_THREADS) as pool:
            rows = sum(part.stop - part.start for part in parts[host::hosts])
            left = sum(parts[number].stop - parts[number].start for number in mine)
            with tqdm(total=rows, initial=rows - left, unit="row", desc=self.name, dynamic_ncols=True) as bar:

                def make(number: int) -> None:
                    part = parts[number]
                    counts = self._make(number, len(parts), opened[part.file], part, pictures, farm, scratch)
                    bar.set_postfix_str(_short(counts), refresh=False)
                    bar.update(part.stop - part.start)

                try:
                    _run(pool, make, mine)
                except BaseException:
                    # Renders that nobody waits for any more would keep the threads of the pool.
                    if farm is not None:
                        farm.close()
                    raise
        missing = len(parts) - len(self._done())
        return missing or self._finish(len(parts))

    def _parts(self, lengths: Sequence[int]) -> list[tables.Part]:
        left = self._count or sum(lengths)
        taken = []
        for length in lengths:
            taken.append(min(length, left))
            left -= taken[-1]
        return tables.split(taken, self._rows)

    def _claim(self, files: Sequence[epath.Path], parts: Sequence[tables.Part]) -> None:
        """Writes down what is prepared, or sees that the folder holds the same."""
        listing = [os.fspath(path)[len(os.fspath(self._source)) :].lstrip("/") for path in files]
        wanted = {
            "set": dataclasses.asdict(self._settings),
            "limits": dataclasses.asdict(self._limits),
            "files": len(listing),
            "listing": hashlib.sha256("\n".join(listing).encode()).hexdigest(),
            "parts": len(parts),
            "rows": sum(part.stop - part.start for part in parts),
        }
        path = self.folder / "settings.json"
        if not path.exists():
            write_whole(path, json.dumps(wanted, indent=1))
            return
        present = json.loads(read_bytes(path))
        changed = [name for name in wanted if present.get(name) != wanted[name]]
        if changed:
            raise UserError(
                f"{self.folder} holds this set from other files or settings ({', '.join(changed)}): "
                "give those again, or another --out"
            )

    def _done(self) -> set[int]:
        names = (path.name for path in list_folder(self.folder / "parts"))
        return {int(name.removesuffix(".json")) for name in names if name.endswith(".json")}

    def _make(
        self,
        number: int,
        total: int,
        table: tables.Table,
        part: tables.Part,
        pictures: Pictures,
        farm: RenderFarm | None,
        scratch: str,
    ) -> dict[str, Any]:
        entries, left_out = self._entries(table, part)
        tasks, dropped = check(entries, self._settings, self._limits, pictures, farm)
        if left_out:
            dropped["left_out"] = left_out
        counts: dict[str, Any] = {"rows": part.stop - part.start, "dropped": dropped}
        for split in SPLITS:
            chosen = [task for task in tasks if task.heldout == (split == "heldout")]
            made = os.path.join(scratch, f"{split}-{number}")
            counts[split] = {"tasks": len(chosen), "bytes": self._write(made, chosen)}
            copy_in(made, self._template(split).sharded_filepath(shard_index=number, num_shards=total))
        write_whole(self.folder / "parts" / f"{number:06d}.json", json.dumps(counts))
        return counts

    def _entries(self, table: tables.Table, part: tables.Part) -> tuple[list[Entry], int]:
        rows = table.rows(part.start, part.stop)
        found = [
            read_entry(row, f"{part.file:05d}-{number:07d}", self._settings)
            for number, row in enumerate(rows, part.start)
        ]
        return [entry for entry in found if entry is not None], found.count(None)

    def _template(self, split: str):
        return self._get_filename_template(split_name=split)

    def _write(self, path: str, tasks: Iterable[Task]) -> int:
        """Writes an array_record file of tasks; returns the bytes of its records."""
        kinds, size = self.info.features, 0
        serializer = example_serializer.ExampleSerializer(kinds.get_serialized_info())
        # One record a group: records are read one by one, in random order.
        writer = ArrayRecordWriter(path, "group_size:1")
        for task in tasks:
            example = {"kind": self._settings.kind} | dataclasses.asdict(task)
            del example["heldout"]
            record = serializer.serialize_example(kinds.encode_example(example))
            writer.write(record)
            size += len(record)
        writer.close()
        return size

    def _finish(self, parts: int) -> dict[str, Any]:
        """Writes the counts and TFDS's description of the folder, when all parts are there."""
        rows = [json.loads(read_bytes(self.folder / "parts" / f"{number:06d}.json")) for number in range(parts)]
        counts = total(rows)
        if not counts["train"]:
            raise UserError(f"no row of {self._source} makes a task: dropped {_short_drops(counts['dropped'])}")
        write_whole(self.folder / "counts.json", json.dumps(counts, indent=1))
        self.info.set_splits(
            tfds_splits.SplitDict(
                [
                    tfds.core.SplitInfo(
                        name=split,
                        shard_lengths=[row[split]["tasks"] for row in rows],
                        num_bytes=sum(row[split]["bytes"] for row in rows),
                        filename_template=self._template(split),
                    )
                    for split in SPLITS
                ]
            )
        )
        with tempfile.TemporaryDirectory() as scratch:
            self.info.write_to_directory(epath.Path(scratch))
            # `dataset_info.json` makes the folder a data set, so it comes last.
            for path in sorted(epath.Path(scratch).iterdir(), key=lambda path: path.name == "dataset_info.json"):
                write_whole(self.folder / path.name, path.read_bytes())
        return counts


def total(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of all parts: `rows`, `train`, `heldout` and `dropped` by reason, the commonest first."""
    dropped: collections.Counter[str] = collections.Counter()
    for row in rows:
        dropped.update(row["dropped"])
    kept = {split: sum(row[split]["tasks"] for row in rows) for split in SPLITS}
    return {"rows": sum(row["rows"] for row in rows), **kept, "dropped": dict(dropped.most_common())}


def _run(pool: ThreadPoolExecutor, make, numbers: Sequence[int]) -> None:
    """`make` for every number; the first failure ends it, with the parts that are done kept."""
    running = [pool.submit(make, number) for number in numbers]
    try:
        for future in running:
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _short(counts: Mapping[str, Any]) -> str:
    kept = sum(counts[split]["tasks"] for split in SPLITS)
    return f"last part: kept {kept} of {counts['rows']}, dropped {_short_drops(counts['dropped'])}"


def _short_drops(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "none"


def find_prepared(path: epath.PathLike) -> epath.Path:
    """The TFDS folder at or below `path`: `OUT/NAME/1.0.0`, `OUT/NAME`, or `OUT` if it holds one set only.

    Raises:
      UserError: there is none, or several.
    """
    path = epath.Path(path)
    found = [path] if (path / "dataset_info.json").exists() else []
    level = [path]
    for _ in range(2):
        if not found:
            level = [child for folder in level for child in list_folder(folder) if child.is_dir()]
            found = [folder for folder in level if (folder / "dataset_info.json").exists()]
    if len(found) != 1:
        names = ", ".join(folder.parent.name for folder in found) or "none"
        raise UserError(
            f"{path} holds {names} of the prepared sets, not one: give the folder that `python -m "
            "vsdpo_jax.prepare_data` has finished"
        )
    return found[0]
