"""Packing: what stands where in the fixed-shape arrays."""

import dataclasses

import numpy as np
import pytest

from tests.sample_rollouts import graded_rollout, image
from vsdpo_jax.errors import UserError
from vsdpo_jax.feedback.prompt import feedback_text
from vsdpo_jax.objective.method import METHODS
from vsdpo_jax.types import Defect, Prompt, RolloutGroup, TargetGroup

ADVANTAGES = np.array([[0.5, -0.5], [0.25, -0.25]], np.float32)


@pytest.fixture(scope="module")
def batch(tiny, groups):
    return tiny[1].pack_rollouts(groups, ADVANTAGES, METHODS["visual_sdpo"], distil_clean=False)


def ids(sequence, n, g):
    return sequence.tokens[n, g][sequence.valid[n, g]]


def test_student_and_teacher_read_whole_conversations(tiny, groups, batch):
    chat, processor = tiny[0].chat, tiny[1].processor
    prompt, member = groups[0].prompt, groups[0].members[0]
    picture = "<|vision_start|>" + "<|image_pad|>" * count(processor, prompt.images[0]) + "<|vision_end|>"
    render = "<|vision_start|>" + "<|image_pad|>" * count(processor, member.scene.image) + "<|vision_end|>"
    user = f"<|im_start|>user\n{picture}{prompt.text}<|im_end|>\n"
    feedback = f"<|im_start|>user\n{render}{member.feedback}<|im_end|>\n"
    answer = f"<|im_start|>assistant\n{member.rollout.text}<|im_end|>"
    encode = lambda text: chat.tokenizer.encode(text, add_special_tokens=False)  # noqa: E731
    np.testing.assert_array_equal([*ids(batch.prefix, 0, 0), *ids(batch.student, 0, 0)], encode(user + answer))
    np.testing.assert_array_equal(
        [*ids(batch.prefix, 0, 0), *ids(batch.teacher, 0, 0)], encode(user + feedback + answer)
    )


def count(processor, picture):
    _, height, width = processor.grid(*picture.shape[:2])
    return height * width // 4


def test_responses_stand_at_the_same_index_for_student_and_teacher(groups, batch):
    length = batch.targets_ngr.shape[-1]
    for n, group in enumerate(groups):
        for g, member in enumerate(group.members):
            tokens = member.rollout.tokens
            for sequence in (batch.student, batch.teacher):
                np.testing.assert_array_equal(sequence.tokens[n, g, -length:][: len(tokens)], tokens)
            assert batch.response_ngr[n, g].sum() == len(tokens)


def test_positions_go_on_where_the_piece_before_ends(batch):
    length = batch.targets_ngr.shape[-1]
    end = batch.prefix.positions[:, 0, 0].max()
    assert batch.student.positions[0, 0, 0][batch.student.valid[0, 0]][0] == end + 1
    header = batch.teacher.tokens.shape[-1] - length
    assert batch.teacher.positions[0, 0, 0, header] == batch.teacher.positions[0, 0, 0, header - 1] + 1


def test_feedback_that_fits_is_whole(batch):
    assert not batch.shortened_ng.any()


def test_every_render_has_its_own_image_slot_after_those_of_the_prompt(tiny, batch):
    per_image = tiny[0].chat.tokens_per_image
    visual = batch.teacher.visual_index[0, 0]
    assert visual[visual >= 0].min() == per_image
    np.testing.assert_array_equal(batch.images.valid.any(-1), [[True, True, False], [True, True, False]])


def test_without_feedback_the_teacher_reads_what_the_student_reads(tiny, groups):
    prompt = groups[0].prompt
    group = RolloutGroup(prompt, (graded_rollout(tiny[0].chat, "plt.show()"),) * 2)
    packed = tiny[1].pack_rollouts([group], ADVANTAGES[:1], METHODS["sdpo"], distil_clean=False)
    np.testing.assert_array_equal(ids(packed.teacher, 0, 0), ids(packed.student, 0, 0))
    assert not packed.distil_ng.any()


def test_a_revision_is_written_after_all_that_the_teacher_reads(tiny, groups, batch):
    attempts = [(groups[0].prompt, member) for member in groups[0].members]
    sequence, images = tiny[1].pack_revisions(attempts, METHODS["visual_sdpo"])
    for row, (_, member) in enumerate(attempts):
        read = [*ids(batch.prefix, 0, 0), *ids(batch.teacher, 0, row)[: -len(member.rollout.tokens)]]
        np.testing.assert_array_equal(ids(sequence, row, 0), read)
        # The target and the render of this attempt, not of the other.
        np.testing.assert_array_equal(images.patches[row, 0], batch.images.patches[0, 0])
        np.testing.assert_array_equal(images.patches[row, 1], batch.images.patches[0, 1 + row])


def test_the_reference_is_the_teachers_context_for_opsd(tiny, groups):
    packed = tiny[1].pack_rollouts(groups, ADVANTAGES, METHODS["opsd"], distil_clean=False)
    text = tiny[0].tokenizer.decode(ids(packed.teacher, 0, 0))
    assert groups[0].prompt.reference in text
    assert "overlap" not in text
    np.testing.assert_array_equal(packed.distil_ng, [[True, True], [True, False]])


def test_feedback_that_does_not_fit_is_shortened_as_text(tiny, groups):
    member = groups[0].members[1]
    defects = tuple(Defect("overlap", f"the text {n} overlaps the title") for n in range(30))
    member = dataclasses.replace(member, defects=defects, feedback=feedback_text(member.scene, defects, 3000))
    group = RolloutGroup(groups[0].prompt, (member, member))
    packed = tiny[1].pack_rollouts([group], ADVANTAGES[:1], METHODS["sdpo"], distil_clean=False)
    text = tiny[0].tokenizer.decode(ids(packed.teacher, 0, 0))
    assert "the text 0 overlaps" in text
    assert "the text 29 overlaps" not in text
    assert '{"more":{"overlap":' in text
    assert packed.shortened_ng.all()
    assert text.count("<|im_end|>") == 2


def test_a_prompt_that_does_not_fit_is_refused(tiny, groups):
    prompt = Prompt("long", "chart", "Oslo 12\n" * 100, (image(1),))
    with pytest.raises(UserError, match="prompt long has .* tokens, more than config.lengths.prefix=96"):
        tiny[1].pack_prompts([prompt])


def test_decisive_characters_weigh_more_in_targets_and_revised_ones_after_feedback(tiny):
    chat = tiny[0].chat
    target = "ax.bar(x, y, color='red', width=3)"
    start, width = target.index("red"), target.index("3")
    prompt = Prompt("a", "chart", "Fig 3", (image(1),))
    decisive, revised = ((start, start + 3), (width, width + 1)), ((start, start + 3),)
    group = TargetGroup(prompt, (target,), ("too dark",), (image(2),), (decisive,), (revised,))
    packed = tiny[1].pack_targets([group], 5.0, 20.0)
    valid = packed.response_ngr[0, 0]

    def weighing(weights_ngr, weight):
        return chat.tokenizer.decode(packed.targets_ngr[0, 0][valid][weights_ngr[0, 0][valid] == weight])

    # Without feedback nobody would have written the revised value.
    assert "red" in weighing(packed.weights_ngr, 0.0) and "3" in weighing(packed.weights_ngr, 5.0)
    assert weighing(packed.weights_ngr, 20.0) == ""
    assert "red" in weighing(packed.revision_weights_ngr, 20.0) and "3" in weighing(packed.revision_weights_ngr, 5.0)
    assert "ax" in weighing(packed.weights_ngr, 1.0) and "ax" in weighing(packed.revision_weights_ngr, 1.0)
    assert packed.distil_ng.all()
