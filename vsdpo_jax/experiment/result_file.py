"""`results.jsonl`: what finished runs showed, beside the page, so that it outlives the folder of the runs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vsdpo_jax.errors import UserError
from vsdpo_jax.experiment.plan import Plan, Run
from vsdpo_jax.experiment.results import Result
from vsdpo_jax.storage import write_whole

FILE = "results.jsonl"


class ResultFile:
    """The results of all plans whose page lies in one folder, a line each.

    A line has the steps and the config overrides of its run. Lines of other settings than those of the plan are kept
    and never returned: a run of 40 steps says nothing about one of 120.
    """

    def __init__(self, path: Path, plan: Plan):
        self._path = path
        self._settings = {"steps": plan.steps, "overrides": list(plan.overrides)}

    def read(self) -> dict[Run, Result]:
        """The results of the plan's settings; raises UserError for a line that is none."""
        own = [_to_result(row["result"]) for row in self._rows() if _settings(row) == self._settings]
        return {result.run: result for result in own}

    def add(self, results: Iterable[Result]) -> None:
        """Writes results, in place of earlier ones of the same runs; raises UserError or StorageError."""
        before = self._rows()
        rows = {_key(row): row for row in before}
        for result in results:
            row = self._settings | {"result": json.loads(json.dumps(dataclasses.asdict(result)))}
            rows[_key(row)] = row
        # In order, so that a version control shows a new run as a new line.
        after = [rows[key] for key in sorted(rows)]
        if after != before:
            write_whole(self._path, "".join(json.dumps(row) + "\n" for row in after))

    def _rows(self) -> list[dict[str, Any]]:
        if not self._path.is_file():
            return []
        rows = []
        for number, line in enumerate(self._path.read_text().splitlines(), start=1):
            try:
                row = json.loads(line)
                _to_result(row["result"]), _key(row)
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{self._path}:{number} is not the result of a run ({error!r}): remove the line, and it is read "
                    "from the run's folder again, or the run made again"
                ) from error
            rows.append(row)
        return rows


def _settings(row: dict[str, Any]) -> dict[str, Any]:
    return {"steps": row["steps"], "overrides": row["overrides"]}


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return json.dumps(_settings(row)), Run(**row["result"]["run"]).name


def _to_result(fields: dict[str, Any]) -> Result:
    lists = {name: tuple(fields[name]) for name in ("rollouts", "rewards")}
    return Result(**fields | lists | {"run": Run(**fields["run"])})
