"""A pretend cloud: stub programs on PATH that record how they were called and answer from a script."""

import os
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "tpu_scripts"
SETTINGS = {
    "NAME": "vs",
    "ZONE": "us-east5-a",
    "PROJECT": "my-project",
    "ACCEL": "v6e-16",
    "BUCKET": "gs://bucket",
}
WHERE = ["vs", "--zone=us-east5-a", "--project=my-project"]

# Answers `describe` and state queries with the next line of $STUBS/slice and $STUBS/training; a line `!text` is an
# error with that text. Verbs named in $STUBS/fail fail once for each line.
GCLOUD = r"""
next_line() {
  line=$(head -n 1 "$STUBS/$1")
  sed -i 1d "$STUBS/$1"
  case $line in
    "!"*) echo "ERROR: ${line#!}" >&2; exit 1 ;;
  esac
}
if [ -f "$STUBS/fail" ] && [ "$(head -n 1 "$STUBS/fail" | cut -d' ' -f1)" = "$4" ]; then
  message=$(head -n 1 "$STUBS/fail" | cut -d' ' -f2-)
  sed -i 1d "$STUBS/fail"
  echo "ERROR: $message" >&2
  exit 1
fi
case "$*" in
  *" describe "*) next_line slice; echo "$line" ;;
  *host/state.sh*) next_line training; printf '%s\n' "$line" | tr ';' '\n' | sed 's/^/VSDPO_STATE host /' ;;
  *host/setup.sh*) cat "$STUBS/fingerprints" ;;
esac
"""
RECORD = '#!/bin/bash\nprintf "%s\\0" "$(basename "$0")" "$@" $\'\\036\' >>"$STUBS/calls"\n'


class Cloud:
    """Runs scripts against the stubs; `calls()` is what the stubs were called with, as lists of words."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("gcloud", "sleep", "tar", "mkdir"):
            self.stub(name, GCLOUD if name == "gcloud" else "")
        self.answer("fingerprints", "VSDPO_FINGERPRINT host-0 aaaa", "VSDPO_FINGERPRINT host-1 aaaa")

    def stub(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(RECORD + body)
        path.chmod(0o755)

    def answer(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))

    def run(self, script: str, *arguments: str, settings=SETTINGS, **more) -> subprocess.CompletedProcess:
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "STUBS": str(self.folder),
            "HOME": "/nowhere",
        }
        return subprocess.run(
            [SCRIPTS / f"{script}.sh", *arguments],
            env=environment | settings | more,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def calls(self, *programs: str) -> list[list[str]]:
        """Calls since the last look, of these programs only if any are named."""
        path = self.folder / "calls"
        if not path.exists():
            return []
        text = path.read_text()
        path.unlink()
        found = [call.split("\0")[:-1] for call in text.split("\x1e\0")[:-1]]
        return [call for call in found if not programs or call[0] in programs]


def command_of(call: list[str]) -> str:
    """What a recorded `ssh` call would run on the hosts."""
    (command,) = [word.removeprefix("--command=") for word in call if word.startswith("--command=")]
    return command
