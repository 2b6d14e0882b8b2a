"""What the page says, and that nothing a model wrote can act in it."""

import dataclasses
import html.parser
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from vsdpo_jax import record
from vsdpo_jax.report import ReportError, curves, heatmap, markup, page, rollouts, run, write_report

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`<!--\x00\ud83d${1}</title></style>"


class Elements(html.parser.HTMLParser):
    """Counts start tags and collects attributes, as a browser would see them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


@pytest.fixture
def copy_of_run(sample_run, tmp_path):
    return shutil.copytree(sample_run, tmp_path / "demo")


def report(workdir, *arguments):
    command = [sys.executable, "-m", "vsdpo_jax.report", f"--workdir={workdir}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_command_writes_the_page_and_prints_its_path(copy_of_run, tmp_path):
    done = report(copy_of_run, f"--out={tmp_path}/new/page.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"{tmp_path}/new/page.html"
    assert (tmp_path / "new" / "page.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda workdir: shutil.rmtree(workdir), "there is no folder"),
        (lambda workdir: (workdir / "metrics.jsonl").unlink(), "there is no"),
        (lambda workdir: (workdir / "metrics.jsonl").write_text(""), "no complete line"),
        (
            lambda workdir: (workdir / "metrics.jsonl").write_text('x\n{"step": 1}\n'),
            "metrics.jsonl:1: not a JSON object",
        ),
        (lambda workdir: (workdir / "metrics.jsonl").write_text('{"reward": 1}\n'), "has no 'step'"),
        (lambda workdir: (workdir / "summary.json").write_text("{"), "summary.json is not valid JSON"),
    ],
    ids=["no folder", "no metrics", "empty metrics", "damaged metrics", "no step", "damaged summary"],
)
def test_bad_input_is_named_in_one_line(copy_of_run, damage, reason):
    damage(copy_of_run)
    with pytest.raises(ReportError, match=reason) as caught:
        write_report(copy_of_run)
    assert "\n" not in str(caught.value) and str(copy_of_run) in str(caught.value)
    assert not (copy_of_run / "report.html").exists()


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["--workdir=/no/such/folder"], "there is no folder /no/such/folder"),
        (["--workdri=x"], "workdri"),
        ([], "--workdir is missing"),
        (["x"], "'x'"),
    ],
)
def test_a_wrong_command_is_one_line_and_a_non_zero_exit(arguments, reason):
    command = [sys.executable, "-m", "vsdpo_jax.report", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and reason in done.stderr


def test_a_cut_last_line_is_left_out_and_noted_on_the_page(copy_of_run):
    with open(copy_of_run / "metrics.jsonl", "a") as file:
        file.write('{"step": 61, "rew')
    done = report(copy_of_run)
    assert done.returncode == 0 and "metrics.jsonl:62: the last line is incomplete" in done.stderr
    assert "metrics.jsonl:62: the last line is incomplete" in (copy_of_run / "report.html").read_text()
    assert run.read_run(copy_of_run).metrics[-1]["step"] == 60


def test_rollouts_that_cannot_be_read_are_noted_and_the_rest_is_shown(copy_of_run):
    (copy_of_run / "rollouts" / "before" / "000.png").unlink()
    text = page.render_page(run.read_run(copy_of_run))
    assert "left out:" in text and "before.jsonl:1" in text
    assert "After training" in text and "Before training" not in text


def test_the_table_shows_what_changed_and_in_which_direction(sample_run):
    text = page.render_page(run.read_run(sample_run))
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", text.split("<tbody>")[1].split("</tbody>")[0])
    assert cells[:4] == ["Reward", "0.41 <small>±0.03</small>", "0.66 <small>±0.02</small>", "+0.25"]
    assert cells[5:9] == ["Programs that run", "72\u2009%", "94\u2009%", "+22 points"]
    assert cells[10:14] == ["Defects per render", "1.90", "0.60", "\u22121.30"]
    # Fewer defects is good although the number fell.
    assert '<td class="change good">\u22121.30</td>' in text and "9 min 21 s" in text


def test_an_unfinished_run_says_so(copy_of_run):
    (copy_of_run / "summary.json").write_text(json.dumps({"before": {"reward": 0.41, "exec_rate": 0.72}}))
    (copy_of_run / "rollouts" / "after.jsonl").unlink()
    text = page.render_page(run.read_run(copy_of_run))
    assert "60 steps · unfinished" in text
    assert '<td class="was">0.41</td><td class="now">–</td>' in text


def test_a_resumed_run_counts_the_last_value_of_a_step(copy_of_run):
    with open(copy_of_run / "metrics.jsonl", "a") as file:
        file.write('{"step": 30, "reward": 0.125}\n{"step": 31, "reward": NaN}\n')
    metrics = run.read_run(copy_of_run).metrics
    assert [row["step"] for row in metrics] == list(range(61))
    assert metrics[30]["reward"] == 0.125 and "entropy" in metrics[30]
    assert metrics[31]["reward"] != 0.125 and np.isfinite(metrics[31]["reward"])


def hostile_run(sample_run, tmp_path):
    """A copy of the run in which every text that comes from a model is an attack."""
    workdir = tmp_path / "demo<img src=x onerror=alert(1)>"
    shutil.copytree(sample_run, workdir)
    for name in ("before", "step_000001", "after"):
        records = []
        for one in record.read_records(workdir / "rollouts" / f"{name}.jsonl"):
            code = HOSTILE + "\n" + one.code
            spans = np.vstack([one.spans, [[one.code_start, one.code_start + len(code)]]]).astype(np.int32)
            defects = tuple(dataclasses.replace(defect, kind=HOSTILE, message=HOSTILE) for defect in one.defects)
            error = one.error and dataclasses.replace(one.error, status=HOSTILE, message=HOSTILE, traceback=HOSTILE)
            records.append(
                dataclasses.replace(
                    one,
                    prompt_id=HOSTILE,
                    prompt_text=HOSTILE * 300,
                    text=one.text[: one.code_start] + code,
                    code=code,
                    spans=spans,
                    weights=np.append(one.weights, 2).astype(np.float32),
                    divergence=np.append(one.divergence, 1).astype(np.float32),
                    defects=defects,
                    error=error,
                    parts={HOSTILE: 0.5},
                )
            )
        record.write_records(workdir, name, records)
    with open(workdir / "metrics.jsonl", "a") as file:
        file.write(json.dumps({"step": 61, f"timing_s/{HOSTILE}": 9.0}) + "\n")
    return workdir


def test_what_a_model_wrote_is_text(sample_run, tmp_path):
    workdir = hostile_run(sample_run, tmp_path)
    text = (write_report(workdir)).read_bytes().decode("utf-8")
    seen, clean = Elements(text), Elements(page.render_page(run.read_run(sample_run)))
    assert set(seen.tags) == set(clean.tags)
    assert seen.tags.count("script") == seen.tags.count("style") == 1
    assert not [name for _, name, _ in seen.attributes if name.startswith("on")]
    assert all(value.startswith(("data:", "#")) for _, name, value in seen.attributes if name in ("src", "href"))
    assert "\x00" not in text and "&lt;img src=x onerror=alert(1)&gt;" in text


def test_the_page_is_self_contained(sample_run):
    text = page.render_page(run.read_run(sample_run))
    assert not re.search(r"https?://|url\(|@import", text)


def test_the_page_stays_small_whatever_was_written(tmp_path, sample_run):
    """Eight thousand tokens of one character are 0.5 MB of HTML: only the first of four such rollouts fits."""
    workdir = shutil.copytree(sample_run, tmp_path / "big")
    one = record.read_records(workdir / "rollouts" / "after.jsonl")[0]
    length = 8_000
    start = np.arange(length)
    large = dataclasses.replace(
        one,
        code="<" * length,
        text="<" * length,
        code_start=0,
        spans=np.stack([start, start + 1], axis=1).astype(np.int32),
        weights=np.full(length, 2.0, np.float32),
        divergence=np.ones(length, np.float32),
    )
    record.write_records(workdir, "step_000001", [dataclasses.replace(large, prompt_id=f"p{i}") for i in range(4)])
    text = page.render_page(run.read_run(workdir), max_bytes=1_000_000)
    assert 500_000 < len(text.encode()) < 1_100_000
    assert "3 items left out to keep the page small" in text
    assert page.MAX_BYTES < 10_000_000 - 500_000


def test_long_texts_are_cut_and_the_page_says_so(sample_run):
    one = record.read_records(sample_run / "rollouts" / "after.jsonl")[0]
    long = dataclasses.replace(one, code="x = 1\n" * 5_000, prompt_text="p" * 50_000)
    text = rollouts.article(long, heatmap.HeatScale(2.0, 1.0), is_open=False)
    assert "14,000 more characters" in text and "p…</p>" in text
    assert len(text) < 600_000


def test_each_character_carries_the_weight_of_the_token_that_wrote_it(sample_run):
    one = record.read_records(sample_run / "rollouts" / "step_000001.jsonl")[0]
    code = "ab\r\ncé\n\nd"
    # Tokens: "# a" (before the code and into it), "b\r\n", "c" and half of é, the other half of é, "\n\nd".
    one = dataclasses.replace(
        one,
        text="# " + code,
        code=code,
        code_start=2,
        spans=np.array([[0, 3], [3, 6], [6, 8], [7, 8], [8, 11]], np.int32),
        weights=np.array([1.0, 2.0, 3.0, 1.5, 1.0], np.float32),
        divergence=None,
        defects=(),
    )
    text = heatmap.code_lines(one, heatmap.HeatScale.of([one]))
    lines = re.findall(r"<li><code>(.*?)</code></li>", text)
    assert len(lines) == 4
    assert lines[0] == 'a<span data-w="2.00" style="--w:0.50;--k:0.00">b</span>'
    assert lines[1] == (
        '<span data-w="3.00" style="--w:1.00;--k:0.00">c</span><span data-w="1.50" style="--w:0.25;--k:0.00">é</span>'
    )
    assert lines[2:] == ["", "d"]


def test_lines_are_counted_as_the_parser_counts_them(sample_run):
    one = record.read_records(sample_run / "rollouts" / "step_000001.jsonl")[0]
    code = "a = 1\x0c\nb = '\u2028'\rc = 3\r\nd"
    text = heatmap.code_lines(dataclasses.replace(one, code=code), heatmap.HeatScale(2.0, 0.0))
    assert text.count("<li") == 4


def test_a_statement_of_absurd_length_is_no_endless_loop(sample_run):
    one = record.read_records(sample_run / "rollouts" / "step_000001.jsonl")[0]
    absurd = dataclasses.replace(one.defects[0].statements[0], line_end=10**12)
    defects = (dataclasses.replace(one.defects[0], statements=(absurd,), boxes=((float("nan"),) * 4,)),)
    workdir = dataclasses.replace(one, defects=defects)
    assert 'data-defects="0"' in heatmap.code_lines(workdir, heatmap.HeatScale(2.0, 0.0))


def test_ticks_are_round_and_cover_the_values():
    assert curves.ticks(0.0, 0.87) == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert curves.ticks(161, 199) == pytest.approx([160, 170, 180, 190, 200])
    assert curves.ticks(3.0, 3.0)[0] <= 3.0 <= curves.ticks(3.0, 3.0)[-1]
    assert curves.ticks(-0.02, 0.013)[0] <= -0.02


def test_a_constant_smooths_to_itself_and_a_line_keeps_its_ends():
    assert [y for _, y in curves.smooth([(x, 2.0) for x in range(50)])] == pytest.approx([2.0] * 50)
    # A moving average would start at 3 or more instead of 0: its window has points on one side only.
    assert [y for _, y in curves.smooth([(x, 3.0 * x) for x in range(30)])] == pytest.approx(
        [3.0 * x for x in range(30)]
    )
    # 10 points: weights 1, 2, 1 around each, and by symmetry no slope at the spike or beside it.
    spike = curves.smooth([(x, 4.0 * (x == 5)) for x in range(10)])
    assert [y for _, y in spike[3:8]] == pytest.approx([0, 1, 2, 1, 0])


def test_stages_stack_up_and_the_evaluation_is_no_stage(sample_run):
    """Per step: rollout about 4.4 s, update 2.9 s, render 1.3 s, and every ten steps an evaluation of 11 s."""
    metrics = run.read_run(sample_run).metrics
    text = curves.charts(metrics)
    label = re.search(r'aria-label="Time per step, means: (.*?)"', text)[1]
    names = [part.rsplit(" ", 1)[0] for part in label.split(", ")]
    assert names == ["rollout", "update", "render"]
    mean = np.mean([row["timing_s/rollout"] for row in metrics])
    assert float(label.split(", ")[0].split()[1]) == pytest.approx(mean, abs=0.006)
    assert 'aria-label="Defects by kind, means: clipped text' in text


def test_thinning_keeps_the_mean():
    points = [(float(x), float(x % 7)) for x in range(1000)]
    thinned = curves.thin(points, 250)
    assert len(thinned) == 250
    assert np.mean([y for _, y in thinned]) == pytest.approx(np.mean([y for _, y in points]))


def test_numbers_are_written_for_people():
    assert [markup.signed(value) for value in (0.25, -1.3, 0.0, -0.001, float("nan"))] == [
        "+0.25",
        "−1.30",
        "0.00",
        "0.00",
        "–",
    ]
    assert [markup.duration(seconds) for seconds in (42, 561.3, 11100)] == ["42 s", "9 min 21 s", "3 h 05 min"]


def test_evaluations_during_training_stand_between_before_and_after(copy_of_run):
    before = record.read_records(copy_of_run / "rollouts" / "before.jsonl")
    record.write_records(copy_of_run, "eval_000030", before)
    text = page.render_page(run.read_run(copy_of_run))
    first = text.split('<article class="prompt-row">')[1]
    captions = re.findall(r"<figcaption><b>(.*?)</b>", first)
    assert captions == ["Target", "Before training", "Held out, step 30", "After training"]


def test_many_prompts_are_folded_away(copy_of_run):
    one = record.read_records(copy_of_run / "rollouts" / "before.jsonl")[0]
    many = [dataclasses.replace(one, prompt_id=f"p{index}") for index in range(20)]
    record.write_records(copy_of_run, "before", many)
    text = page.render_page(run.read_run(copy_of_run))
    assert "<summary>8 more prompts</summary>" in text
    assert text.count('<article class="prompt-row">') == 12


def test_of_a_long_run_the_first_the_last_and_some_steps_between_are_read(tmp_path, sample_run):
    workdir = shutil.copytree(sample_run, tmp_path / "long")
    (one,) = record.read_records(workdir / "rollouts" / "step_000060.jsonl")[:1]
    for step in range(100, 1100, 50):
        record.write_records(workdir, f"step_{step:06d}", [one])
    # A file that is not chosen is not opened.
    (workdir / "rollouts" / "step_000100.jsonl").write_text("damaged\n{}\n")
    names = list(run.read_run(workdir).groups)
    assert names[:2] == ["before", "step_000001"] and names[-2:] == ["step_001050", "after"]
    assert len(names) == 2 + run.STEPS


def test_a_run_without_rollouts_has_its_curves(copy_of_run):
    shutil.rmtree(copy_of_run / "rollouts")
    text = page.render_page(run.read_run(copy_of_run))
    assert 'id="curves"' in text and 'id="gallery"' not in text and 'id="rollouts"' not in text


def test_a_page_that_cannot_be_written_says_where(copy_of_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="file/page.html cannot be written"):
        write_report(copy_of_run, tmp_path / "file" / "page.html")
