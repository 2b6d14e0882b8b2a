"""Finds LibreOffice."""

from __future__ import annotations

import shutil


def find_office() -> str | None:
    """Path of LibreOffice, or None."""
    return shutil.which("soffice") or shutil.which("libreoffice")
