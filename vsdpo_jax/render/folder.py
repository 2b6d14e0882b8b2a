"""Empties the folder of a render job, however it was left."""

from __future__ import annotations

import os


def empty(folder: str) -> None:
    """Removes everything in `folder`.

    A tree is emptied by moving what is inside its folders to the top, so that neither its depth nor the length of its
    paths matters: a program can nest folders deeper than a recursive removal can follow.

    Raises:
      OSError: something cannot be removed.
    """
    moved = 0
    while True:
        with os.scandir(folder) as entries:
            found = list(entries)
        if not found:
            return
        for entry in found:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            # A program can make folders that nobody may enter.
            os.chmod(entry.path, 0o700)
            for name in os.listdir(entry.path):
                moved += 1
                inner = os.path.join(entry.path, name)
                if os.path.islink(inner) or not os.path.isdir(inner):
                    os.unlink(inner)
                else:
                    os.chmod(inner, 0o700)
                    os.rename(inner, os.path.join(folder, f".emptied-{moved}"))
            os.rmdir(entry.path)
