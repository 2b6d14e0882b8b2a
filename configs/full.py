"""What the full-size configs share: the size of the model, and what follows from the slice that trains it.

None of these values is disclosed by the paper; those without a reason here have it in `configs/common.py`.
"""

from ml_collections import ConfigDict

from configs import common

SIZES = {"2b": "Qwen3-VL-2B-Instruct", "4b": "Qwen3-VL-4B-Instruct", "8b": "Qwen3-VL-8B-Instruct"} | {
    "32b": "Qwen3-VL-32B-Instruct"
}
# Chips of a slice: Google counts chips in the names of v5e and v6e, cores (two a chip) in those of v5p.
CHIPS = {
    "v5e-16": 16,
    "v5e-32": 32,
    "v5e-64": 64,
    "v5e-128": 128,
    "v5p-16": 8,
    "v5p-32": 16,
    "v5p-64": 32,
    "v5p-128": 64,
    "v6e-8": 8,
    "v6e-16": 16,
    "v6e-32": 32,
    "v6e-64": 64,
}
DEFAULTS = {"size": "8b", "slice": "v5p-32"}


def full_size(arguments: str) -> ConfigDict:
    """The config of a size on a slice, with the method and seed of `common.with_arguments`.

    Args:
      arguments: comma-separated `size=`, `slice=`, `method=`, `seed=`.

    Raises:
      ValueError: an argument is unknown, or has a value that is.
    """
    given = [argument.partition("=")[::2] for argument in filter(None, arguments.split(","))]
    chosen = DEFAULTS | {name: value for name, value in given if name in DEFAULTS}
    if chosen["size"] not in SIZES:
        raise ValueError(f"size={chosen['size']} is unknown: choose one of {', '.join(SIZES)}")
    if chosen["slice"] not in CHIPS:
        raise ValueError(f"slice={chosen['slice']} is unknown: choose one of {', '.join(CHIPS)}")
    rest = ",".join(f"{name}={value}" for name, value in given if name not in DEFAULTS)
    config = common.with_arguments(common.base(), rest)
    config.size, config.slice = chosen["size"], chosen["slice"]
    config.model = f"models/{SIZES[config.size]}"  # As `hf download` lays it out; a gs:// folder is copied first.
    # Prepared sets are read from disk: nothing is generated for full-size runs.
    config.data.name = "prepared"
    # A slice of 2N chips takes the prompts of two reference steps rather than leave half of its rows empty.
    chips = CHIPS[config.slice]
    config.batch.prompts = max(32, chips)
    # One prompt a chip at a time: what a prompt's branches keep for the backward pass is the largest item in memory.
    config.batch.micro_batches = config.batch.prompts // chips
    # 16 GB chips hold a chunk of 128 x 151,936 logits for student and teacher beside the rest; the others 512.
    config.objective.chunk = 128 if config.slice.startswith("v5e") else 512
    # Decoding reads all weights for every token, however few rows there are: two chunks would take twice as long.
    # Rendering overlaps all the same: what has ended is rendered after every 128 tokens, within a second.
    config.sampling.chunks = 1
    config.sampling.segment = 128
    # Every chip reads its share of the weights for every token: four chips to a copy read a quarter each, and 16 GB
    # chips could not hold a whole copy beside the training state.
    config.sampling.tensor = 4
    # Pages and charts of a model in training may ask for any size; the vision tower sees 1 Mpixel.
    config.render.max_side = 1280
    # Model-written code of this size reaches for everything: do not run it with a layer of isolation missing.
    config.render.strict = True
    config.checkpoint.every = 20  # 8B with optimizer and average is 140 GB a save.
    return config
