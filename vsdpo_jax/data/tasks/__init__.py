"""Generated tasks, by domain."""

from vsdpo_jax.data.tasks.chart import CHART
from vsdpo_jax.data.tasks.deck import DECK
from vsdpo_jax.data.tasks.slide import SLIDE
from vsdpo_jax.data.tasks.web import WEB

DOMAINS = {domain.name: domain for domain in (CHART, WEB, SLIDE, DECK)}
