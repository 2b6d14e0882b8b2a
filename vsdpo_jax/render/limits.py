"""What one render job may use."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class RenderLimits:
    """Limits of one job. Crossing one gives a result with an error status, never an exception.

    Attributes:
      wall_seconds: from the start of the job; `timeout` after it. Well above `cpu_seconds`, because it is for programs
        that sleep or wait: a busy machine must not turn a good program into a failure.
      cpu_seconds: processor time of the job; `timeout` after it. Of a page, that of the whole browser.
      memory_bytes: address space of a chart or pptx job, including the about 0.4 GB that the warm interpreter maps; of
        a page, the memory of all processes of the browser, which take about 0.3 GB themselves.
      file_bytes: the largest single file that a job may write.
      folder_bytes, folder_files: what the whole folder of a job may hold; `output-limit` beyond.
      pixels: a larger canvas is drawn at a lower resolution, so that it fits.
      inches: a figure with a longer side is `too-large` (at any useful resolution it is a mistake).
      elements: elements beyond this number are not reported.
      result_bytes: the largest answer of a job; `output-limit` beyond.
      slides: a deck with more slides is `too-large`.
      page_height: a taller web page is cut here, in pixels.
    """

    wall_seconds: float = 20.0
    cpu_seconds: int = 8
    memory_bytes: int = 3 << 30
    file_bytes: int = 16 << 20
    folder_bytes: int = 64 << 20
    folder_files: int = 256
    pixels: int = 4_000_000
    inches: float = 60.0
    elements: int = 5000
    result_bytes: int = 32 << 20
    slides: int = 20
    page_height: int = 7680
