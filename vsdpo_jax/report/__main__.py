"""`python -m vsdpo_jax.report --workdir=DIR [--out=FILE]`."""

import sys

from absl import app, flags

from vsdpo_jax.report import ReportError, write_report

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run, local or gs://.", required=True)
_OUT = flags.DEFINE_string("out", None, "Where to write the page; report.html in the workdir if not given.")


def main(argv: list[str]) -> int:
    if len(argv) > 1:
        print(f"report: unexpected argument {argv[1]!r}; use --workdir=DIR [--out=FILE]", file=sys.stderr)
        return 2
    try:
        path = write_report(_WORKDIR.value, _OUT.value)
    except ReportError as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    app.run(main)
