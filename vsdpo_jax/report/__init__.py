"""One self-contained HTML page about a run: `python -m vsdpo_jax.report --workdir=DIR`."""

from vsdpo_jax.report.page import write_report
from vsdpo_jax.report.run import ReportError

__all__ = ["ReportError", "write_report"]
