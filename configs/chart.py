"""Visual-SDPO at full size on charts: matplotlib code from a picture (Chart2Code-160K).

python -m vsdpo_jax.plan --config=configs/chart.py:size=8b,slice=v5p-32
python -m vsdpo_jax.train --config=configs/chart.py:size=8b,slice=v5p-32 --workdir=gs://BUCKET/runs/chart \
  --config.model=HF_FOLDER --config.data.path=PREPARED_FOLDER
"""

from ml_collections import ConfigDict

from configs import full


def get_config(arguments: str = "") -> ConfigDict:
    """`arguments`: comma-separated `size=`, `slice=`, `method=` and `seed=`."""
    return full.full_size(arguments)
