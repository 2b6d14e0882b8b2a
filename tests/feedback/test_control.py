"""Controls of the teacher: exactly one thing is damaged, and a run is told when a control would do nothing."""

import dataclasses

import jax
import numpy as np
import pytest

from tests.sample_rollouts import graded_rollout, image
from vsdpo_jax.errors import UserError
from vsdpo_jax.feedback.control import CONTROLS, check_control, controlled
from vsdpo_jax.flags import load_config
from vsdpo_jax.objective.method import METHODS
from vsdpo_jax.types import Prompt, RenderError, RolloutGroup

REPORT = 'The image shows your render. Defects: [{"kind":"overlap","line":1,"message":"%s"}]\nWrite the corrected code.'


@pytest.fixture
def reported(tiny):
    """Three prompts: two, three and one rollouts with a report of their own, and a clean one."""
    chat, seed = tiny[0].chat, 0
    groups = []
    for name, count in (("a", 2), ("b", 3), ("c", 1)):
        members = []
        for _ in range(count):
            seed += 1
            members.append(graded_rollout(chat, "plt.bar(x, y)", feedback=REPORT % f"{name}{seed}", render=image(seed)))
        groups.append(RolloutGroup(Prompt(name, "chart", "Title: Rain"), tuple(members)))
    clean = graded_rollout(chat, "plt.show()", render=image(9), reward=1.0)
    return [*groups[:2], dataclasses.replace(groups[2], members=(*groups[2].members, clean))]


def members(groups):
    return [member for group in groups for member in group.members]


def same_but_for(first, second, names):
    """Whether two graded rollouts agree in every field but `names`, and in those not at all."""
    fields = {f.name: (getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first)}
    return {name for name, (a, b) in fields.items() if a is not b} == set(names)


def test_without_a_control_nothing_changes(reported):
    assert members(controlled(reported, "none")) == members(reported)


def test_shuffled_gives_every_rollout_the_report_and_render_of_another_prompt(reported):
    shown = controlled(reported, "shuffled")
    for group, own in zip(shown, reported, strict=True):
        for member, original in zip(group.members, own.members, strict=True):
            if not original.feedback:
                assert member is original
                continue
            assert same_but_for(member, original, {"scene", "defects", "feedback"})
            giver = next(other for other in members(reported) if other.feedback == member.feedback)
            assert member.scene is giver.scene and member.defects is giver.defects
            assert not any(giver is one for one in own.members)
    # A permutation: nothing is lost and nothing is shown twice.
    assert sorted(m.feedback for m in members(shown)) == sorted(m.feedback for m in members(reported))


def test_shuffled_within_a_lone_prompt_never_shows_ones_own(reported):
    shown = controlled(reported[1:2], "shuffled")
    for member, original in zip(members(shown), members(reported[1:2]), strict=True):
        assert member.feedback != original.feedback


def test_shuffled_leaves_a_lone_report_out(reported):
    [member, clean] = members(controlled(reported[2:], "shuffled"))
    assert (member.feedback, member.defects, member.scene.image) == ("", (), None)
    assert clean is reported[2].members[1]


def test_blank_render_keeps_the_report(reported):
    for member, original in zip(members(controlled(reported, "blank_render")), members(reported), strict=True):
        assert same_but_for(member, original, {"scene"})
        assert member.scene.image.shape == original.scene.image.shape
        assert (member.scene.image == 255).all()


def test_no_image_keeps_the_report(reported):
    for member, original in zip(members(controlled(reported, "no_image")), members(reported), strict=True):
        assert same_but_for(member, original, {"scene"})
        assert member.scene.image is None and member.scene.source == original.scene.source


def test_no_rubric_keeps_render_and_tracebacks(reported, tiny):
    failed = graded_rollout(tiny[0].chat, "plt.bar(", feedback="Your code failed:\nSyntaxError")
    error = RenderError("python-error", "SyntaxError")
    failed = dataclasses.replace(failed, scene=dataclasses.replace(failed.scene, image=None, error=error))
    groups = [*reported, RolloutGroup(reported[0].prompt, (failed,))]
    shown = members(controlled(groups, "no_rubric"))
    assert shown[-1] is failed
    for member, original in zip(shown[:-1], members(reported), strict=True):
        if original.feedback:
            assert same_but_for(member, original, {"feedback"})
            assert "overlap" not in member.feedback and "Defects" not in member.feedback


@pytest.mark.parametrize("control", CONTROLS[1:])
def test_the_packed_teacher_differs_and_nothing_else_does(control, reported, tiny):
    """What is distilled, credit, rewards and the student's side stay; the teacher's turn or its pictures change."""
    two = [dataclasses.replace(group, members=group.members[:2]) for group in reported[:2]]
    two = [dataclasses.replace(g, prompt=dataclasses.replace(g.prompt, images=(image(7),))) for g in two]
    packer = dataclasses.replace(tiny[1], lengths=dataclasses.replace(tiny[1].lengths, feedback=144))
    batches = [
        packer.pack_rollouts(shown, np.zeros((2, 2)), METHODS["visual_sdpo"], distil_clean=False)
        for shown in (two, controlled(two, control))
    ]
    for name in ("student", "prefix", "weights_ngr", "distil_ng", "advantages_ng", "targets_ngr"):
        jax.tree.map(np.testing.assert_array_equal, *(getattr(batch, name) for batch in batches))
    pictures = [np.asarray(batch.images.patches) for batch in batches]
    texts = [np.asarray(batch.teacher.tokens) for batch in batches]
    assert np.array_equal(*texts) == (control == "blank_render")
    assert np.array_equal(*pictures) == (control == "no_rubric")


def test_an_unknown_control_and_one_without_effect_are_refused():
    with pytest.raises(UserError, match="'shufled' is unknown: choose one of none, shuffled"):
        check_control("shufled", "feedback")
    for method in ("grpo", "opsd"):
        with pytest.raises(UserError, match="needs a method whose teacher reads feedback"):
            check_control("shuffled", METHODS[method].context)
        check_control("none", METHODS[method].context)


@pytest.mark.parametrize("control", [*CONTROLS, "alpha_1", "mean_1"])
def test_the_tiny_config_names_every_control(control):
    config = load_config(f"configs/tiny.py:control={control},domain=web,seed=3")
    assert config.teacher.control == (control if control in CONTROLS else "none")
    assert config.objective.alpha == (1.0 if control == "alpha_1" else 4.0)
    assert config.objective.normalize_credit == (control == "mean_1")
    assert (config.data.name, config.seed) == ("web_tasks", 3)


def test_the_tiny_config_refuses_what_it_does_not_know():
    with pytest.raises(UserError, match="domain=charts is unknown"):
        load_config("configs/tiny.py:domain=charts")
    with pytest.raises(UserError, match="control=random is unknown"):
        load_config("configs/tiny.py:control=random")
    with pytest.raises(UserError, match="argument 'size' is unknown"):
        load_config("configs/tiny.py:size=8b")
