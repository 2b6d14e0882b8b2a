"""The warm-start corpus: built with real renders, restartable, deterministic, and honest about who saw what."""

import dataclasses
import os

import numpy as np
import pytest

from vsdpo_jax.data import warmstart
from vsdpo_jax.data.registry import CorpusTargets
from vsdpo_jax.data.tasks.chart import CHART
from vsdpo_jax.data.tasks.domain import Tasks
from vsdpo_jax.render.farm import RenderFarm

SETTINGS = warmstart.Settings(count=20, failure_rate=0.03)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    with RenderFarm(workers=2) as farm:
        corpus = warmstart.build(folder, SETTINGS, farm, progress=False)
        yield folder, corpus, farm


def test_items_hold_what_both_branches_need(built):
    _, corpus, _ = built
    assert len(corpus) == 20
    for item in corpus:
        assert item.image.shape == (240, 320, 3) and item.image.dtype == np.uint8
        assert (item.author_image is None) == ("execution_error" in item.defects)
        if not item.defects:
            [variant] = item.variants
            assert variant.feedback is None
            if variant.response != item.author:
                # A number that no render shows was miscopied; the target has the right one.
                assert (
                    sum(a != b for a, b in zip(variant.response.split("\n"), item.author.split("\n"), strict=True)) == 1
                )
            continue
        assert len(item.variants) == SETTINGS.variants
        for variant in item.variants:
            assert variant.feedback
            assert len(variant.feedback) <= SETTINGS.feedback_chars
            assert 1 <= len(variant.reported) <= len(item.defects)
            assert set(variant.reported) <= set(item.defects)


def test_the_corpus_has_flawed_clean_and_failing_programs(built):
    _, corpus, _ = built
    shares = warmstart.statistics(corpus)
    assert 0.3 < shares["exec_rate"] < 1.0
    assert 0.3 < shares["flawed"] < 1.0
    assert sum(shares["by_kind"].values()) == sum(len(item.defects) for item in corpus)


def test_decisive_spans_hold_the_values_and_revised_ones_changed(built):
    _, corpus, _ = built
    revised = 0
    for item in corpus:
        for variant in item.variants:
            others = set(variant.revised) - set(variant.decisive)
            assert not others or {"missing_text", "wrong_text", "extra_text", "execution_error"} & set(variant.reported)
            if "execution_error" not in variant.reported:
                assert all(variant.response[start:end] not in item.author for start, end in others)
            for start, end in variant.decisive:
                assert variant.response[start:end].strip() == variant.response[start:end] != ""
            revised += len(variant.revised)
    assert revised > 0


def test_the_second_program_is_no_copy_of_the_first_but_minds_the_report(built):
    _, corpus, _ = built
    tasks = Tasks(CHART, "warmstart")
    silent_differs = 0
    for index, item in enumerate(corpus):
        ideal = tasks[index].ideal
        for variant in item.variants if item.defects else ():
            for start, end in set(variant.revised) & set(variant.decisive):
                assert variant.response[start:end] in ideal.source
            silent = set(variant.decisive) - set(variant.revised)
            silent_differs += any(variant.response[start:end] not in item.author for start, end in silent)
    # A model that copied what it sees in the render of the first program would be wrong here.
    assert silent_differs > 10


def test_after_a_traceback_the_wording_of_the_statement_that_raised_counts(built):
    _, corpus, _ = built
    failed = [item for item in corpus if "execution_error" in item.defects]
    assert failed
    counted = 0
    for item in failed:
        for variant in item.variants:
            words = [variant.response[start:end] for start, end in set(variant.revised) - set(variant.decisive)]
            # None where the second program has no such statement, or the reviser overlooked the report.
            counted += bool(words)
            assert all(word not in item.author for word in words if word.startswith("fig.tight"))
            # Values that were drawn anew have nothing to do with the failure.
            assert not {span for span in variant.decisive if span in variant.revised} or len(variant.reported) > 1
    assert counted >= len(failed)


def test_tasks_are_those_of_the_warmstart_split(built):
    _, corpus, _ = built
    heldout = {task.instruction for task in Tasks(CHART, "heldout")}
    train = {task.instruction for task in Tasks(CHART, "train", 2000)}
    assert not {item.prompt for item in corpus} & (heldout | train)


def test_an_interrupted_build_goes_on_and_equals_an_uninterrupted_one(built, tmp_path, monkeypatch):
    _, _, farm = built
    settings = dataclasses.replace(SETTINGS, count=6)
    monkeypatch.setattr(warmstart, "SHARD", 3)
    whole = warmstart.build(tmp_path / "whole", settings, farm, progress=False)
    warmstart.build(tmp_path / "parts", settings, farm, progress=False)
    os.remove(tmp_path / "parts" / "items-000003.npz")
    with pytest.raises(FileNotFoundError, match="unfinished"):
        warmstart.Corpus(tmp_path / "parts")
    resumed = warmstart.build(tmp_path / "parts", settings, farm, progress=False)
    for name in ("items-000000.npz", "items-000003.npz"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert [item.author for item in resumed] == [item.author for item in whole]


def test_other_settings_are_refused(built):
    folder, _, farm = built
    with pytest.raises(ValueError, match="seed"):
        warmstart.build(folder, dataclasses.replace(SETTINGS, seed=1), farm, progress=False)


def test_a_folder_without_a_corpus_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no warm-start corpus"):
        warmstart.Corpus(tmp_path)


def test_the_tokenizer_of_the_corpus_reads_all_of_it(built, tmp_path):
    _, corpus, _ = built
    tokenizer = warmstart.train_tokenizer([corpus], tmp_path, vocab_size=500)
    for item in corpus:
        for text in (item.prompt, *(v.response for v in item.variants), *(v.feedback or "" for v in item.variants)):
            ids = tokenizer.encode(text, add_special_tokens=False)
            assert tokenizer.decode(ids) == text
            assert len(ids) < 0.8 * len(text) or not text


def test_several_corpora_take_turns_and_shorter_ones_start_again(built, tmp_path):
    folder, corpus, farm = built
    short = warmstart.build(tmp_path, dataclasses.replace(SETTINGS, count=3, seed=1), farm, progress=False)
    targets = CorpusTargets([short, corpus], group=2)
    assert len(targets) == 40
    ids = [targets[index].prompt.id for index in range(10)]
    assert ids[0::2] == [short[index % 3].id for index in range(5)]
    assert ids[1::2] == [corpus[index].id for index in range(5)]
    assert len(targets[0].targets) == 2


def test_the_tokenizer_reads_equally_many_items_of_every_corpus(built, monkeypatch):
    _, corpus, _ = built
    seen = []
    monkeypatch.setattr(warmstart.sentencepiece_bpe, "train", lambda texts, size: seen.extend(texts))
    monkeypatch.setattr(warmstart.sentencepiece_bpe, "save", lambda model, folder: None)

    class Few(list):
        def fragments(self, count):
            return iter(["few"] * count)

    warmstart.train_tokenizer([Few([1, 2, 3]), corpus], "nowhere", 300)
    assert seen == ["few"] * 3 + list(corpus.fragments(3))
