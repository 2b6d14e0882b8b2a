"""Design2Code and AeSlides: every published layout, answers of every form, and the samples that ship."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.aeslides import AeSlides
from vsdpo_jax.evaluation.design2code import Design2Code, page_of
from vsdpo_jax.evaluation.predictions import read_predictions
from vsdpo_jax.evaluation.registry import open_benchmark
from vsdpo_jax.evaluation.types import Example, ExampleScore, Prediction
from vsdpo_jax.reward import design2code

SAMPLES = "vsdpo_jax/assets/eval_samples"
PAGE = "<!DOCTYPE html><html><body><h1>Title</h1><p>Some words</p></body></html>"


def png(color=(10, 20, 30)):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), color).save(buffer, "PNG")
    return buffer.getvalue()


def raw_files(folder, names=("2", "10")):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.html").write_text(PAGE.replace("Title", f"Title {name}"))
        (folder / f"{name}.png").write_bytes(png())
    (folder / "rick.jpg").write_bytes(b"blue")
    return folder


@pytest.mark.parametrize("inner", ["", "testset_final", "Design2Code-HARD"])
def test_design2code_raw_files(tmp_path, inner):
    raw_files(tmp_path / inner)
    two, ten = Design2Code().load(tmp_path)
    assert (two.id, ten.id) == ("2", "10")
    assert "Title 2" in two.reference and two.kind == "web"
    assert two.pixels().shape == (6, 8, 3)
    # Pages may show the stand-in, not each other's screenshots.
    assert list(two.meta["assets"]) == ["rick.jpg"]


def test_design2code_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"image": [{"bytes": png(), "path": "0.png"}] * 2, "text": [PAGE, PAGE + " "]})
    (tmp_path / "data").mkdir()
    parquet.write_table(table, tmp_path / "data" / "train-00000-of-00001.parquet")
    first, second = Design2Code().load(tmp_path)
    assert (first.id, second.id) == ("0", "1")
    assert first.reference == PAGE and first.pixels()[0, 0].tolist() == [10, 20, 30]


def test_design2code_table_of_vlmevalkit(tmp_path):
    raw_files(tmp_path / "testset_final")
    (tmp_path / "testset_final" / "10.png").unlink()
    rows = ["index\tquestion\timage\timg_fname"]
    rows += [f"{k}\tRebuild page {name}\t{base64.b64encode(png((1, 2, 3))).decode()}\t{name}.png"
             for k, name in enumerate(("2", "10"))]  # fmt: skip
    (tmp_path / "Design2Code.tsv").write_text("\n".join(rows))
    two, ten = Design2Code().load(tmp_path)
    assert two.instruction == "Rebuild page 2" and two.pixels()[0, 0].tolist() == [10, 20, 30]
    assert ten.pixels()[0, 0].tolist() == [1, 2, 3]


def test_folders_that_hold_something_else_are_refused(tmp_path):
    with pytest.raises(UserError, match="ID.html"):
        Design2Code().load(tmp_path)
    with pytest.raises(UserError, match="page_MM.html"):
        AeSlides().load(tmp_path)
    with pytest.raises(UserError, match="not a folder"):
        AeSlides().load(tmp_path / "missing")
    with pytest.raises(UserError, match="not a folder"):
        open_benchmark("design2code", {"clip": str(tmp_path / "missing")})


def test_aeslides_decks_and_instructions(tmp_path):
    slides = tmp_path / "examples" / "deck" / "deck07" / "slides"
    slides.mkdir(parents=True)
    (slides / "page_03.html").write_text("<div>three</div>")
    (only,) = AeSlides().load(tmp_path)
    assert only.id == "deck07-page_03" and only.reference == "<div>three</div>"
    rows = [
        {"id": "deck07-page_03", "split": "eval", "instruction": "Draw three"},
        {"id": "other", "split": "eval", "instruction": "Draw none"},
        {"id": "seen", "split": "train", "instruction": "Not this"},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first, second = AeSlides().load(tmp_path)
    assert first.instruction.endswith("Draw three") and first.reference
    assert second.id == "other" and second.reference == ""
    with pytest.raises(UserError, match="--option=instruction"):
        AeSlides(instruction="prompt").load(tmp_path)
    assert AeSlides(format="pptx").load(tmp_path)[0].kind == "pptx"


@pytest.mark.parametrize(
    ("response", "page"),
    [
        (f"Here it is:\n```html\n{PAGE}\n```\nEnjoy!", PAGE),
        (f"```html\n{PAGE}", PAGE),
        (f"html\n{PAGE} trailing words", PAGE),
        (f"Sure. {PAGE}", PAGE),
        ("no page at all", "no page at all"),
        ("```html\n<div>x</div>\n```", "<div>x</div>"),
    ],
)
def test_the_page_in_a_response(response, page):
    assert page_of(response) == page


def score_of(benchmark, workshop, text, reference=PAGE, is_code=True):
    example = Example("a", "web", "", None, reference, {"assets": {}})
    return benchmark.score(example, Prediction("a", "a", text, is_code), workshop)


def test_design2code_scores_good_missing_and_empty_answers(workshop):
    benchmark = Design2Code()
    good = score_of(benchmark, workshop, f"```html\n{PAGE}\n```", is_code=False)
    assert good.executed and good.error == ""
    assert [good.columns[name] for name in design2code.NAMES] == pytest.approx([1.0] * 4)
    # Without weights CLIP is unknown, neither 0 nor 1.
    assert good.columns["clip"] is None
    assert {"reference", "prediction", "reference-blocks", "prediction-blocks"} == set(good.images)
    for text in (None, "", "   "):
        bad = score_of(benchmark, workshop, text)
        assert not bad.executed and bad.error
        assert [bad.columns[name] for name in design2code.NAMES] == [0.0] * 4
        # It counts as a blank page, so it has a picture for CLIP to look at.
        assert bad.images["prediction"].shape == (960, 1280, 3) and bad.images["prediction"].min() == 255


def test_overall_is_of_four_or_five(workshop):
    benchmark = Design2Code()
    means = {"block_match": 0.4, "text": 0.8, "position": 0.6, "color": 0.2, "clip": None}
    assert benchmark.total(means)["overall"] == pytest.approx(0.5)
    assert benchmark.total(means)["overall_of"] == 4
    five = benchmark.total({**means, "clip": 1.0})
    assert five["overall"] == pytest.approx(0.6) and five["overall_of"] == 5
    assert "4 metrics" in benchmark.notes([])[0]


def test_clip_compares_pages_without_their_texts(tmp_path, workshop):
    """With random weights: equal looks are 1 whatever the texts say, and a missing answer is a white page."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = small | {"image_size": 64, "patch_size": 16}
    config = CLIPConfig(text_config=small | {"vocab_size": 40}, vision_config=vision, projection_dim=16)
    CLIPModel(config).save_pretrained(tmp_path)
    benchmark = Design2Code(clip=str(tmp_path))
    same = score_of(benchmark, workshop, PAGE)
    assert same.columns["clip"] == pytest.approx(1.0, abs=1e-5)
    words = score_of(benchmark, workshop, PAGE.replace("Some words", "Not words"))
    # Painted over, other letters leave next to nothing behind.
    assert words.columns["clip"] > 0.999 and words.columns["text"] < 1
    dark = score_of(benchmark, workshop, PAGE.replace("<body>", '<body style="background:#123456">'))
    missing = score_of(benchmark, workshop, None)
    assert dark.columns["clip"] < words.columns["clip"]
    assert 0 < missing.columns["clip"] < 1.0001
    assert benchmark.notes([]) == []


def test_aeslides_scores_html_programs_and_failures(workshop):
    benchmark = AeSlides()
    example = Example("s", "slide", "")
    slide = '<body style="margin:0"><div style="width:1280px;height:800px"><p>words</p></div></body>'
    deck = (
        "from pptx import Presentation\nfrom pptx.util import Inches\ndeck = Presentation()\n"
        "slide = deck.slides.add_slide(deck.slide_layouts[6])\n"
        "slide.shapes.add_textbox(Inches(1), Inches(1), Inches(4), Inches(1)).text_frame.text = 'words'\n"
        "deck.save('x.pptx')\n"
    )
    html = benchmark.score(example, Prediction("s", "s", slide, True), workshop)
    assert html.columns["aspect"] == pytest.approx(0.637, abs=1e-3) and html.executed
    program = benchmark.score(example, Prediction("s", "s", f"```python\n{deck}```"), workshop)
    # Four to three, the default of python-pptx.
    assert program.columns["aspect"] == pytest.approx(0.0052, abs=1e-4)
    assert program.columns["collision"] == 1.0 and program.columns["whitespace"] == 0.0
    crashed = benchmark.score(example, Prediction("s", "s", f"```python\n{deck}nothing()\n```"), workshop)
    for failed in (crashed, benchmark.score(example, Prediction("s", "s", None), workshop)):
        assert not failed.executed and failed.error
        assert set(failed.columns.values()) == {0.0}
    total = benchmark.total({"aspect": 1.0, "whitespace": 0.5, "imbalance": 0.5, "collision": 0.0, "exec": 1.0})
    assert total["average"] == 0.5


def test_remote_files_of_a_slide_are_named_and_can_be_given(tmp_path, workshop):
    slide = '<html><head><script src="https://cdn.example/x.js"></script></head><body><p>a</p></body></html>'
    example = Example("s", "slide", "")
    benchmark = AeSlides()
    without = benchmark.score(example, Prediction("s", "s", slide, True), workshop)
    assert "https://cdn.example/x.js" in benchmark.notes([without])[0]
    (tmp_path / "cdn.example").mkdir()
    (tmp_path / "cdn.example" / "x.js").write_text(
        "addEventListener('load', () => { document.body.style.height = '900px'; document.body.style.margin = '0' })"
    )
    given = AeSlides(resources=str(tmp_path))
    score = given.score(example, Prediction("s", "s", slide, True), workshop)
    assert score.columns["aspect"] == pytest.approx(0.053, abs=2e-3)
    assert given.notes([score]) == []


@pytest.mark.parametrize("name", ["design2code", "aeslides"])
def test_samples_are_in_the_published_layout(name):
    """Twelve of each, answered by files of every form; scored whole in the slow test."""
    examples = open_benchmark(name, {}).load(_path(SAMPLES, name))
    predictions = read_predictions(_path(SAMPLES, name, "predictions"), examples)
    assert len(examples) == len(predictions) == 12
    assert all(example.reference for example in examples)
    assert {prediction.text is None for prediction in predictions} == {True, False}
    assert {prediction.is_code for prediction in predictions if prediction.text} == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["design2code", "aeslides"])
def test_samples_score_as_they_were_made(name, workshop):
    """Good answers are above flawed ones, and these above failures."""
    good = {"design2code": "1 2 3 4 7", "aeslides": "deck01-page_02 deck02-page_02 deck03-page_03"}[name].split()
    failed = {"design2code": "10 11", "aeslides": "deck02-page_04"}[name].split()
    benchmark = open_benchmark(name, {})
    examples = {example.id: example for example in benchmark.load(_path(SAMPLES, name))}
    values: dict[str, ExampleScore] = {}
    for prediction in read_predictions(_path(SAMPLES, name, "predictions"), list(examples.values())):
        columns = benchmark.score(examples[prediction.id], prediction, workshop).columns
        values[prediction.id] = np.mean([value for value in columns.values() if value is not None])
    flawed = [value for key, value in values.items() if key not in good + failed]
    assert min(values[key] for key in good) > np.mean(flawed)
    assert all(values[key] == 0 for key in failed) and min(flawed) > 0


def _path(*parts):
    from etils import epath

    return epath.Path("/".join(parts))
