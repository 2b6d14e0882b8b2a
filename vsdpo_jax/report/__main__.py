"""`python -m vsdpo_jax.report --workdir=DIR [--out=FILE]`: writes the page about a run and prints its path."""

from absl import app, flags

from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.progress import quiet_libraries
from vsdpo_jax.report import write_report

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run, local or gs://.")
_OUT = flags.DEFINE_string("out", None, "Where to write the page; report.html in the workdir if not given.")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}: use --workdir=DIR [--out=FILE]")
    if not _WORKDIR.value:
        raise UserError("--workdir is missing: give the folder that training wrote to")
    quiet_libraries()
    print(write_report(_WORKDIR.value, _OUT.value))


def _parse(argv: list[str]) -> list[str]:
    remaining = []

    def parse():
        try:
            remaining.extend(flags.FLAGS(argv))
        except flags.Error as error:
            raise UserError(" ".join(str(error).split())) from error

    exit_cleanly(parse)
    return remaining


if __name__ == "__main__":
    app.run(lambda argv: exit_cleanly(lambda: main(argv)), flags_parser=_parse)
