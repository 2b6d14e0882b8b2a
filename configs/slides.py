"""Visual-SDPO at full size on slides: HTML or python-pptx from a description (AeSlides).

python -m vsdpo_jax.plan --config=configs/slides.py:size=8b,slice=v5p-32
python -m vsdpo_jax.train --config=configs/slides.py:size=8b,slice=v5p-32 --workdir=gs://BUCKET/runs/slides \
  --config.model=HF_FOLDER --config.data.path=PREPARED_FOLDER
"""

from ml_collections import ConfigDict

from configs import full


def get_config(arguments: str = "") -> ConfigDict:
    """`arguments`: comma-separated `size=`, `slice=`, `method=` and `seed=`."""
    config = full.full_size(arguments)
    config.render.seconds = 20.0  # Web fonts and layout; a chart is done or hangs after 10.
    return config
