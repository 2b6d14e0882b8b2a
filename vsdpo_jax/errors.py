"""The one exception that entry points turn into a single line and a non-zero exit."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(ValueError):
    """Something the user can mend; the message is one line: what is wrong, where, and what to do."""


def exit_cleanly(main: Callable[[], None]) -> None:
    """Run `main`; print a `UserError` as one line on stderr and exit with status 2."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
