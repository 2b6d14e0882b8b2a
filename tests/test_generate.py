"""The command line that talks to a model: same tokens as transformers, streamed text, errors in one line."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.reference import byte_level_tokenizer, make_processor
from tests.parity.reference import make_pair, tiny_config
from vsdpo_jax.data.images import ImageProcessor
from vsdpo_jax.generate import Stream, Talker
from vsdpo_jax.model import weights

PROCESSOR = ImageProcessor(min_pixels=32 * 32, max_pixels=128 * 128)


@pytest.fixture(scope="module")
def model():
    """A folder with everything in it, and transformers' model of the same weights."""
    tokenizer = byte_level_tokenizer()
    token = tokenizer.convert_tokens_to_ids
    config = tiny_config(
        {"vocab_size": len(tokenizer)},
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        eos_token_id=token("<|im_end|>"),
    )
    pair = make_pair(config)
    tokenizer.save_pretrained(pair.folder)
    with open(os.path.join(pair.folder, "preprocessor_config.json"), "w") as file:
        json.dump(PROCESSOR.to_hf(), file)
    return pair


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, (h, w) in {"a.png": (50, 90), "b.png": (128, 64)}.items():
        Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(folder / name)
    return [str(folder / name) for name in ("a.png", "b.png")]


def run(*arguments):
    command = [sys.executable, "-m", "vsdpo_jax.generate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"JAX_PLATFORMS": "cpu"})


def test_json_equals_transformers_generate(model, pictures):
    flags = [f"--image={path}" for path in pictures]
    done = run(f"--model={model.folder}", *flags, "--prompt=Draw this.", "--json", "--temperature=0", "--max_tokens=24")
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)

    processor = make_processor(PROCESSOR, byte_level_tokenizer())
    content = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "Draw this."}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    images = [Image.open(path) for path in pictures]
    inputs = processor(text=[text], images=images, return_tensors="pt")
    assert answer["prompt_tokens"] == inputs["input_ids"][0].tolist()
    banned = [[token] for token in Talker(model.folder).chat.banned_ids]
    with torch.no_grad():
        out = model.theirs.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=24,
            bad_words_ids=banned,
            eos_token_id=model.config.eos_token_id,
            output_logits=True,
            return_dict_in_generate=True,
        )
    tokens = out.sequences[0, inputs["input_ids"].shape[1] :]
    assert answer["tokens"] == tokens.tolist()
    logp = torch.stack(out.logits)[:, 0].log_softmax(-1)[torch.arange(len(tokens)), tokens]
    np.testing.assert_allclose(answer["logprobs"], logp, atol=1e-4)


def test_streamed_text_is_the_answer(model, capsys):
    talker = Talker(model.folder)
    stream = Stream(talker.chat.tokenizer)
    answer = talker.answer("Hello", temperature=2.0, max_tokens=40, on_token=stream, seed=3)
    printed = capsys.readouterr().out
    assert printed and answer.text.startswith(printed)
    assert set(answer.text[len(printed) :]) <= {"\ufffd"}


def test_stream_waits_for_whole_characters(capsys):
    tokenizer = byte_level_tokenizer()
    stream = Stream(tokenizer)
    ids = tokenizer.encode("a🦜b", add_special_tokens=False)
    printed = []
    for token in ids:
        stream(token)
        printed.append(capsys.readouterr().out)
    assert len(ids) > 4 and "".join(printed) == "a🦜b"
    assert "\ufffd" not in "".join(printed)


def test_missing_model_is_one_line_and_an_exit_status(tmp_path):
    done = run(f"--model={tmp_path / 'nowhere'}", "--prompt=x")
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith("error: model folder")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["missing", "not_an_image"])
def test_bad_image_is_one_line_and_an_exit_status(model, tmp_path, kind):
    path = tmp_path / "x.png"
    if kind == "not_an_image":
        path.write_text("hello")
    done = run(f"--model={model.folder}", f"--image={path}", "--prompt=x")
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith(f"error: image '{path}'")
    assert "Traceback" not in done.stderr


def test_folder_without_weights_is_refused(model, tmp_path):
    config, params = weights.load(model.folder)
    weights.save(tmp_path, config, params, tokenizer_files_from=model.folder)
    (tmp_path / "model.safetensors").unlink()
    done = run(f"--model={tmp_path}", "--prompt=x")
    assert done.returncode != 0
    assert "no weights in" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
