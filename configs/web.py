"""Visual-SDPO at full size on web pages: HTML and CSS from a screenshot (WebCode2M, WebSight).

python -m vsdpo_jax.plan --config=configs/web.py:size=8b,slice=v5p-32
python -m vsdpo_jax.train --config=configs/web.py:size=8b,slice=v5p-32 --workdir=gs://BUCKET/runs/web \
  --config.model=HF_FOLDER --config.data.path=PREPARED_FOLDER
"""

from ml_collections import ConfigDict

from configs import full


def get_config(arguments: str = "") -> ConfigDict:
    """`arguments`: comma-separated `size=`, `slice=`, `method=` and `seed=`."""
    config = full.full_size(arguments)
    config.render.seconds = 20.0  # Fonts and layout of a long page; a chart is done or hangs after 10.
    return config
