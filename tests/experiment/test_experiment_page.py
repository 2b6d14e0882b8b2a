"""The whole experiment over folders of finished runs: what is written, what is missing, and what is run again."""

import json
import re
import shutil

import numpy as np
import pytest

from tests.sample_rollouts import image
from vsdpo_jax.errors import UserError
from vsdpo_jax.experiment import __main__ as command
from vsdpo_jax.experiment.plan import TUNING_SEED, Plan, Run
from vsdpo_jax.experiment.result_file import FILE, ResultFile
from vsdpo_jax.experiment.results import finished, read
from vsdpo_jax.experiment.runner import Runner
from vsdpo_jax.record import RolloutRecord, write_records

STEPS = 6
BATCH = {"prompts": 2, "group": 2}


def record(reward, seed):
    return RolloutRecord(
        prompt_id="a",
        prompt_kind="chart",
        prompt_text="",
        text="",
        code="",
        code_start=0,
        spans=np.zeros((0, 2), np.int32),
        truncated=False,
        weights=np.zeros(0),
        divergence=None,
        reward=reward,
        executed=1.0,
        visual=reward,
        parts={},
        advantage=None,
        width=128,
        height=96,
        error=None,
        elements=(),
        defects=(),
        image=image(seed),
        target=image(9),
    )


def write_run(folder, run, after, rewards, *, steps=STEPS, teacher=False, guilty=0.2, config=None):
    """A workdir as training leaves it."""
    workdir = folder / run.name
    workdir.mkdir(parents=True)
    before = {"reward": 0.5 + run.seed / 100, "exec_rate": 0.9, "defects_per_render": 2.0}
    after = {"reward": after, "exec_rate": 0.95, "defects_per_render": 1.5}
    summary = {"before": before, "after": after, "steps": steps, "seconds": 60.0}
    (workdir / "summary.json").write_text(json.dumps(summary))
    (workdir / "config.json").write_text(json.dumps({"batch": BATCH} | (config or {})))
    rows = [{"step": 0, "eval/reward": 0.5}]
    for step, reward in enumerate(rewards, start=1):
        row = {"step": step, "loss": 0.1, "reward": reward, "step_time": 100.0 if step == 1 else 2.0}
        row |= {"overlap/rendering_seconds": 0.5, "timing_s/rollout": 0.3, "timing_s/render": 0.5}
        row["timing_s/update"] = 90.0 if step == 1 else 1.2
        if teacher:
            row |= {"self_distillation/uplift_defect": -0.2, "self_distillation/uplift_non_defect": -0.01}
            # The second half of the steps counts four times as much: shares are of sums, not means of shares.
            size = 1 if step <= len(rewards) // 2 else 4
            row |= {
                "self_distillation/kl": 0.04 * size,
                "self_distillation/kl_defect": (0.1 if size == 1 else 0.175) * size,
            }
            row["self_distillation/guilty_token_fraction"] = guilty
        rows.append(row)
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for moment, reward in (("before", 0.5), ("after", after["reward"])):
        write_records(workdir, moment, [record(reward, 1), record(reward, 2)])


def runner_of(plan, runs):
    return Runner(plan, runs, ResultFile(runs / FILE, plan))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Charts: grpo with two seeds, visual_sdpo with two; web: grpo with one, visual_sdpo missing."""
    folder = tmp_path_factory.mktemp("experiment")
    runs, out = folder / "runs", folder / "out"
    write_run(runs, Run("chart", "grpo", 0), 0.60, [0.5, 0.5, 0.5, 0.5, 0.5, 1.0])
    write_run(runs, Run("chart", "grpo", 1), 0.64, [0.5, 0.5, 0.5, 0.5, 0.5, 1.0])
    write_run(runs, Run("chart", "visual_sdpo", 0), 0.70, [0.6, 0.6, 0.6, 0.6, 0.6, 0.6], teacher=True)
    write_run(runs, Run("chart", "visual_sdpo", 1), 0.70, [0.5] * 6, teacher=True)
    write_run(runs, Run("web", "grpo", 0), 0.40, [0.4] * 6)
    # Stopped in the middle, and of another length: neither is finished.
    write_run(runs, Run("web", "grpo", 1), 0.99, [0.9] * 3, steps=3)
    arguments = [f"--out={out}", f"--runs={runs}", f"--steps={STEPS}", "--domains=chart,web", "--seeds=0,1"]
    out.mkdir()
    (out / "findings.md").write_text("Nothing was found.\n")
    options = command.parse([*arguments, "--methods=base,grpo,visual_sdpo", "--report"])
    command.run(options)
    return out, runs, json.loads((out / "summary.json").read_text()), (out / "README.md").read_text()


def test_summary_has_means_intervals_and_every_run(page):
    chart = page[2]["domains"]["chart"]
    grpo = chart["grpo"]["reward"]
    # .60 and .64: s = .0282843, t(0.975, 1) = 12.7062, half width 12.7062 * .02 = .254124.
    assert (grpo["mean"], grpo["low"], grpo["high"]) == pytest.approx((0.62, 0.365876, 0.874124), abs=1e-5)
    assert [run["seed"] for run in chart["visual_sdpo"]["runs"]] == [0, 1]
    assert chart["visual_sdpo"]["runs"][0]["reward"] == 0.70
    assert chart["base"]["reward"]["mean"] == pytest.approx(0.505)
    assert len(chart["base"]["runs"]) == 2
    assert {"exec_rate", "defects_per_render"} <= chart["base"].keys()


def test_rollouts_to_the_end_of_grpo(page):
    chart = page[2]["domains"]["chart"]
    # Windows of five steps: grpo .5 then .6, so its end is .6; 4 rollouts a step.
    assert chart["grpo"]["rollouts_to_grpo_final"]["mean"] == 24
    assert [run["rollouts_to_grpo_final"] for run in chart["visual_sdpo"]["runs"]] == [20, None]
    # One of two never got there: no mean of the other.
    assert chart["visual_sdpo"]["rollouts_to_grpo_final"] == {
        "mean": None,
        "low": None,
        "high": None,
        "runs": 0,
        "reached": 1,
        "of": 2,
    }


def test_a_method_without_rollouts_does_not_fail_to_reach_a_reward(tmp_path):
    write_run(tmp_path / "runs", Run("chart", "grpo", 0), 0.6, [0.5] * STEPS)
    write_run(tmp_path / "runs", Run("chart", "sft", 0), 0.7, [])
    flags = [f"--out={tmp_path}", f"--runs={tmp_path / 'runs'}", f"--steps={STEPS}", "--domains=chart", "--seeds=0"]
    command.run(command.parse([*flags, "--methods=sft,grpo", "--report"]))
    row = next(line for line in (tmp_path / "README.md").read_text().splitlines() if line.startswith("| sft |"))
    assert row.startswith("| sft | 1 | 0.700 (one seed) |") and row.endswith("| – |")


def test_paired_differences(page):
    found = page[2]["differences"]["chart"]["visual_sdpo - grpo"]
    assert found["reward"]["mean"] == pytest.approx((0.10 + 0.06) / 2) and found["reward"]["runs"] == 2
    assert found.keys() == {"reward", "exec_rate", "defects_per_render"}
    assert page[2]["differences"]["web"] == {}
    # Of two values d and e the interval is (d + e) / 2 +- 12.7062 |d - e| / 2: .08 +- .254.
    assert "| chart | visual_sdpo - grpo | 2 | +0.080 [-0.174, +0.334] | " in page[3]


def test_differences_of_all_domains_are_paired_by_domain_and_seed(tmp_path):
    runs = {("chart", 0): 0.10, ("chart", 1): 0.06, ("web", 0): 0.02}
    for (domain, seed), gain in runs.items():
        write_run(tmp_path / "runs", Run(domain, "grpo", seed), 0.5 + seed / 10, [0.5] * STEPS)
        write_run(tmp_path / "runs", Run(domain, "visual_sdpo", seed), 0.5 + seed / 10 + gain, [0.5] * STEPS)
    # Sdpo is on charts only: of all domains nothing can be said.
    write_run(tmp_path / "runs", Run("chart", "sdpo", 0), 0.5, [0.5] * STEPS)
    flags = [f"--out={tmp_path}", f"--runs={tmp_path / 'runs'}", f"--steps={STEPS}", "--domains=chart,web"]
    command.run(command.parse([*flags, "--seeds=0,1", "--methods=grpo,sdpo,visual_sdpo", "--report"]))
    found = json.loads((tmp_path / "summary.json").read_text())["differences"]["all"]
    assert found.keys() == {"visual_sdpo - base", "visual_sdpo - grpo"}
    # The mean of three pairs is .06, that of the two domains' means .05; s = .04, t(0.975, 2) = 4.30265.
    reward = found["visual_sdpo - grpo"]["reward"]
    assert reward["runs"] == 3 and reward["mean"] == pytest.approx(0.06)
    assert reward["high"] - reward["mean"] == pytest.approx(4.30265 * 0.04 / 3**0.5, abs=1e-5)
    assert "| all | visual_sdpo - grpo | 3 | +0.060 [-0.039, +0.159] | " in (tmp_path / "README.md").read_text()


def test_every_method_is_compared_with_grpo_and_visual_sdpo_with_every_method(tmp_path):
    methods = ("grpo", "visual_sdpo", "sdpo", "visual_sdpo+alpha_1", "visual_sdpo+mean_1")
    for method, after in zip(methods, (0.6, 0.7, 0.65, 0.62, 0.67), strict=True):
        write_run(tmp_path / "runs", Run("chart", method, 0), after, [0.5] * STEPS, config={"model": "runs/other"})
    out = tmp_path / "out"
    flags = [f"--out={out}", f"--runs={tmp_path / 'runs'}", f"--steps={STEPS}", "--domains=chart", "--seeds=0"]
    command.run(command.parse([*flags, f"--methods=base,{','.join(methods)}", "--set=model=runs/other", "--report"]))
    found = json.loads((out / "summary.json").read_text())["differences"]["chart"]
    assert {pair: round(figure["reward"]["mean"], 9) for pair, figure in found.items()} == {
        "visual_sdpo - base": 0.2,
        "visual_sdpo - grpo": 0.1,
        "visual_sdpo - sdpo": 0.05,
        "visual_sdpo - visual_sdpo+alpha_1": 0.08,
        "visual_sdpo - visual_sdpo+mean_1": 0.03,
        "sdpo - grpo": 0.05,
        "visual_sdpo+alpha_1 - grpo": 0.02,
        "visual_sdpo+mean_1 - grpo": 0.07,
        "visual_sdpo+mean_1 - visual_sdpo+alpha_1": 0.05,
    }
    # A control is in the tables, and has no curve.
    assert "<!-- sdpo (1 seed) -->" in (out / "curves.svg").read_text()
    assert "alpha_1" not in (out / "curves.svg").read_text()
    assert "ships with the package" not in (out / "README.md").read_text()


def test_what_is_missing_is_named_and_never_filled_in(page):
    _, _, summary, text = page
    assert summary["missing"] == ["web/visual_sdpo/seed_0", "web/grpo/seed_1", "web/visual_sdpo/seed_1"]
    assert "visual_sdpo" not in summary["domains"]["web"]
    assert summary["domains"]["web"]["grpo"]["reward"] == {"mean": 0.4, "low": None, "high": None, "runs": 1}
    assert "**This table is partial**: 3 of the planned runs are not finished" in text
    assert "| visual_sdpo | 0 | not run | not run | not run | not run |" in text
    assert "0.400 (one seed)" in text
    assert "## Findings\n\nNothing was found.\n" in text
    assert "0.99" not in text


def test_the_page_says_what_the_teacher_knows_and_what_it_cost(page):
    text = page[3]
    row = next(line for line in text.splitlines() if line.startswith("| chart | visual_sdpo | -0.2"))
    # .2 * (.1 + 4 * .175) / (.04 + 4 * .04) = .16 / .2; the mean of the steps' shares is .5 and .875, .69.
    assert "| 0.80 [0.80, 0.80] | 0.20 [0.20, 0.20] |" in row
    # 2 s a step after the first, 4 rollouts a step, rendered within half a second; nothing says how long packing took.
    assert "| chart | grpo | 60 | 100 | 0.50 | 2.00 | 8.00 | 0.30 | 0.50 | – | 1.20 |" in text


def test_every_picture_of_the_page_is_there(page):
    out, _, _, text = page
    names = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert {"curves.svg", "gallery_chart.png", "gallery_web.png"} == set(names)
    assert (out / "curves.svg").read_text().count("grpo at its end") == 2
    for name in names:
        assert (out / name).stat().st_size > 1000


def test_the_same_runs_give_the_same_bytes(page, tmp_path):
    out, runs, _, _ = page
    arguments = [f"--out={tmp_path}", f"--runs={runs}", f"--steps={STEPS}", "--domains=chart,web", "--seeds=0,1"]
    (tmp_path / "findings.md").write_text("Nothing was found.\n")
    command.run(command.parse([*arguments, "--methods=base,grpo,visual_sdpo", "--report"]))
    for path in set(out.iterdir()) - {out / "findings.md"}:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_equal_weights_say_nothing_about_guilty_tokens(tmp_path):
    run = Run("chart", "visual_sdpo+alpha_1", 0)
    write_run(tmp_path, run, 0.6, [0.5] * STEPS, teacher=True, guilty=0.0)
    result = read(run, tmp_path / run.name)
    assert result.kl_share is None and result.token_share is None


def test_only_what_is_not_finished_is_run(page, monkeypatch):
    _, runs, _, _ = page
    plan = Plan(("chart", "web"), ("base", "grpo", "visual_sdpo"), (0, 1), STEPS)
    runner, made = runner_of(plan, runs), []
    monkeypatch.setattr(Runner, "_train", lambda self, run: made.append(run.name))
    runner.make_all()
    assert made == ["web/visual_sdpo/seed_0", "web/grpo/seed_1", "web/visual_sdpo/seed_1"]


def test_results_outlive_the_folder_of_their_runs(page, monkeypatch, tmp_path):
    out, _, summary, text = page
    moved = tmp_path / "clone"
    shutil.copytree(out, moved)
    arguments = [f"--out={moved}", f"--runs={tmp_path / 'gone'}", f"--steps={STEPS}", "--domains=chart,web"]
    made = []
    monkeypatch.setattr(Runner, "_train", lambda self, run: made.append(run.name))
    command.run(command.parse([*arguments, "--seeds=0,1", "--methods=base,grpo,visual_sdpo"]))
    # Only what was missing is made, and the page is the same, pictures of rollouts that are gone included.
    assert made == summary["missing"]
    assert {path.name for path in moved.iterdir()} == {path.name for path in out.iterdir()}
    for path in out.iterdir():
        assert (moved / path.name).read_bytes() == path.read_bytes(), path.name
    assert "gallery_chart.png" in text


def test_further_seeds_are_reported_and_not_planned(tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "out"
    for seed, after in ((0, 0.60), (3, 0.64), (TUNING_SEED, 0.99)):
        write_run(runs, Run("chart", "grpo", seed), after, [0.5] * STEPS)
    write_run(runs, Run("chart", "grpo", 4, 2e-4), 0.99, [0.5] * STEPS)
    plan = Plan(("chart",), ("grpo",), (0, 1), STEPS)
    kept = [Run("chart", "grpo", seed) for seed in (0, 3, TUNING_SEED)] + [Run("chart", "grpo", 4, 2e-4)]
    ResultFile(out / FILE, plan).add(read(run, runs / run.name) for run in kept)
    flags = [f"--out={out}", f"--runs={runs}", f"--steps={STEPS}", "--domains=chart", "--methods=grpo", "--report"]
    command.run(command.parse([*flags, "--seeds=0,1"]))
    summary = json.loads((out / "summary.json").read_text())
    # Neither the seed of the learning rates nor a run with another one than the reported.
    assert [run["seed"] for run in summary["domains"]["chart"]["grpo"]["runs"]] == [0, 3]
    assert summary["domains"]["chart"]["grpo"]["reward"]["mean"] == pytest.approx(0.62)
    assert summary["missing"] == ["chart/grpo/seed_1"]


def test_a_folder_of_other_settings_is_not_taken_for_a_run_of_the_plan(tmp_path):
    config = {"eval": {"prompts": 64, "every": 0}, "model": "runs/other", "best": True}
    write_run(tmp_path, Run("chart", "grpo", 0), 0.6, [0.5] * STEPS, config=config)
    same = ("eval.prompts=64", "eval.every=0", "model=runs/other", "best=True")
    plan = Plan(("chart",), ("grpo",), (0,), STEPS, overrides=same)
    assert len(runner_of(plan, tmp_path).results(plan.runs({}))) == 1
    for override in ("eval.prompts=128", "eval.samples=64", "model=runs/another", "best=false"):
        plan = Plan(("chart",), ("grpo",), (0,), STEPS, overrides=(*same, override))
        with pytest.raises(UserError, match=f"not {override.partition('=')[2]}: give another --runs"):
            runner_of(plan, tmp_path).results(plan.runs({}))


def test_results_of_other_settings_are_kept_and_not_taken(tmp_path):
    run = Run("chart", "grpo", 0)
    write_run(tmp_path, run, 0.6, [0.5] * STEPS)
    plans = [
        Plan(("chart",), ("grpo",), (0,), STEPS),
        Plan(("chart",), ("grpo",), (0,), STEPS, overrides=("teacher.rate=0.1",)),
        Plan(("chart",), ("grpo",), (0,), 2 * STEPS),
    ]
    files = [ResultFile(tmp_path / FILE, plan) for plan in plans]
    files[0].add([read(run, tmp_path / run.name)])
    assert [list(file.read()) for file in files] == [[run], [], []]
    files[1].add([read(run, tmp_path / run.name)])
    assert [list(file.read()) for file in files] == [[run], [run], []]
    # Made again, it takes the place of the first.
    before = (tmp_path / FILE).read_text()
    shutil.rmtree(tmp_path / run.name)
    write_run(tmp_path, run, 0.65, [0.5] * STEPS, teacher=True)
    again = read(run, tmp_path / run.name)
    files[0].add([again])
    assert files[0].read() == {run: again} and files[1].read()[run].after["reward"] == 0.6
    assert len((tmp_path / FILE).read_text().splitlines()) == len(before.splitlines()) == 2


@pytest.mark.parametrize("line", ["{", "{}", '{"steps": 6, "overrides": [], "result": {"run": {}}}', "[]"])
def test_a_line_that_is_no_result_is_named(tmp_path, line):
    (tmp_path / FILE).write_text(line + "\n")
    with pytest.raises(UserError, match=rf"{FILE}:1 is not the result of a run"):
        ResultFile(tmp_path / FILE, Plan(("chart",), ("grpo",), (0,), STEPS)).read()


def test_the_learning_rate_is_chosen_by_training_reward_on_a_seed_of_its_own(tmp_path):
    plan = Plan(("chart",), ("grpo", "sdpo"), (0,), STEPS, rates=(1e-4, 2e-4))
    # The second rate is better in training; the first would be by the held-out reward.
    for rate, reward, heldout in ((1e-4, 0.5, 0.9), (2e-4, 0.6, 0.1)):
        write_run(tmp_path, Run("chart", "grpo", TUNING_SEED, rate), heldout, [reward] * STEPS)
    runner = runner_of(plan, tmp_path)
    assert runner.chosen() == {("chart", "grpo"): 2e-4}
    assert [run.rate for run in plan.runs(runner.chosen())] == [2e-4, None]
    assert len(plan.tuning_runs()) == 4  # The same number for every method.


def test_the_learning_rate_of_a_method_without_rollouts_is_chosen_by_the_heldout_reward(tmp_path):
    plan = Plan(("chart",), ("sft",), (0,), STEPS, rates=(1e-4, 2e-4))
    for rate, heldout in ((1e-4, 0.6), (2e-4, 0.5)):
        write_run(tmp_path, Run("chart", "sft", TUNING_SEED, rate), heldout, [])
    assert runner_of(plan, tmp_path).chosen() == {("chart", "sft"): 1e-4}


def test_a_rate_chosen_on_one_domain_holds_for_all_and_for_the_controls(tmp_path):
    methods = ("visual_sdpo", "visual_sdpo+shuffled")
    plan = Plan(("chart", "web"), methods, (0,), STEPS, rates=(1e-4, 2e-4), tune_on="web")
    assert [run.name for run in plan.tuning_runs()] == [
        f"web/visual_sdpo/seed_{TUNING_SEED}_lr_{rate}" for rate in ("0.0001", "0.0002")
    ]
    for rate, reward in ((1e-4, 0.6), (2e-4, 0.5)):
        write_run(tmp_path, Run("web", "visual_sdpo", TUNING_SEED, rate), 0.5, [reward] * STEPS, teacher=True)
    runner = runner_of(plan, tmp_path)
    assert [(run.domain, run.method, run.rate) for run in plan.runs(runner.chosen())] == [
        (domain, method, 1e-4) for domain in ("chart", "web") for method in methods
    ]
    with pytest.raises(UserError, match="nothing to choose from"):
        Plan(("web",), methods, (0,), STEPS, tune_on="web")


def test_every_method_sees_the_same_number_of_rollouts():
    plan = Plan(("chart", "web"), ("grpo", "visual_sdpo+shuffled"), (0, 1), 7, overrides=("eval.every=0",))
    for run in plan.runs({}):
        line = run.command(command.Path("w"), plan.steps, plan.overrides)
        assert "--config.steps=7" in line and "--config.eval.every=0" in line
        assert not any("batch" in part for part in line)
    assert any(part.endswith("method=visual_sdpo,seed=0,control=shuffled") for part in plan.runs({})[1].command(
        command.Path("w"), 7, ()))  # fmt: skip


def test_an_unreadable_summary_is_not_finished(tmp_path):
    (tmp_path / "summary.json").write_text('{"steps": 6, "aft')
    assert not finished(tmp_path, 6)
    assert not finished(tmp_path / "nowhere", 6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods=grop"], "'grop' is unknown"),
        (["--seeds=0,x"], "--seeds takes comma-separated numbers"),
        (["--seeds=1000"], "seed 1000"),
        (["--domains="], "at least one domain"),
    ],
)
def test_plans_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        command.to_plan(command.parse(arguments))


def test_no_runs_at_once_are_refused_before_any_is_made(tmp_path):
    with pytest.raises(UserError, match="--at_once=0 must be at least 1"):
        command.run(command.parse([f"--out={tmp_path / 'out'}", f"--runs={tmp_path / 'runs'}", "--at_once=0"]))
    assert not list(tmp_path.iterdir())
