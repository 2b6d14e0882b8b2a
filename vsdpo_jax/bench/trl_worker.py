"""One TRL `SDPOTrainer` that generates and updates when asked; runs in TRL's own environment.

Arguments: the workload as JSON (see `trl.py`). The trainer's own loop runs; its generation and its update, optimizer
included, are each held until they are asked for and timed on their own.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM, TrainerCallback
from trl.experimental.sdpo import SDPOConfig, SDPOTrainer

from vsdpo_jax.bench.channel import Answers

SPECIAL = ("<unk>", "<eos>", "<pad>")


class Waiting(SDPOTrainer):
    """Does nothing before it is asked to."""

    def __init__(self, *arguments, answers: Answers, **options):
        super().__init__(*arguments, **options)
        self.answers, self.update = answers, None

    def _generate(self, prompt_ids):
        with self.answers.stage("generate"):
            return super()._generate(prompt_ids)

    def _prepare_inputs(self, generation_batch):
        inputs = super()._prepare_inputs(generation_batch)
        if self.update is None:
            self.update = self.answers.stage("update")
            self.update.__enter__()
        return inputs


class Finish(TrainerCallback):
    """Ends the timing of an update once the optimizer has stepped."""

    trainer: Waiting

    def on_step_end(self, *_, **__):
        self.trainer.update.__exit__(None, None, None)
        self.trainer.update = None


def tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """A word a token, so that texts have exactly the wanted length; words that it does not know are `<unk>`."""
    words = [*SPECIAL, *(f"w{i}" for i in range(len(SPECIAL), vocabulary))]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=SPECIAL[0]))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    unknown, end, pad = SPECIAL
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token=unknown, eos_token=end, pad_token=pad)


def main() -> None:
    work = json.loads(sys.argv[1])
    answers = Answers()
    torch.set_num_threads(work["threads"])
    rng = random.Random(0)
    vocabulary, micro = work["model"]["vocab_size"], work["micro_batches"]

    def words(count):
        return " ".join(f"w{rng.randrange(len(SPECIAL), vocabulary)}" for _ in range(count))

    rows = [
        {"prompt": words(prompt), "privileged_context": words(feedback)}
        for prompt, feedback in zip(work["prompt_lengths"], work["feedback_lengths"], strict=True)
    ]
    rollouts = len(rows) * work["branches"]
    config = Qwen3Config(**work["model"], tie_word_embeddings=True, eos_token_id=1, pad_token_id=2, bos_token_id=None)
    with tempfile.TemporaryDirectory() as folder:
        settings = SDPOConfig(
            output_dir=folder,
            per_device_train_batch_size=rollouts // micro,
            gradient_accumulation_steps=micro,
            num_generations=work["branches"],
            max_completion_length=work["response"],
            generation_kwargs={"min_new_tokens": work["response"]},
            distillation_mode="full_logits",
            distillation_weight=0.5,
            distillation_alpha=1.0,
            teacher_model_kind="live",
            include_environment_feedback=True,
            learning_rate=1e-6,
            max_steps=1_000_000,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            logging_steps=1_000_000,
            dataloader_pin_memory=False,
        )
        finish = Finish()
        finish.trainer = Waiting(
            model=Qwen3ForCausalLM(config),
            reward_funcs=lambda completions, **_: [0.9 * rng.random() for _ in completions],
            args=settings,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer(vocabulary),
            callbacks=[finish],
            answers=answers,
        )
        finish.trainer.train()


if __name__ == "__main__":
    main()
