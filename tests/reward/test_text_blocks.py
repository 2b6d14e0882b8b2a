"""Matching of text blocks: hand-worked cases, and an independent search that tries every assignment."""

import difflib
import itertools
import random

import pytest

from vsdpo_jax.reward import design2code
from vsdpo_jax.reward.text_blocks import TextBlock, join_same_boxes, match, mean_gain, merge

BLACK, RED = (0, 0, 0), (255, 0, 0)


def block(text, left=0.0, top=0.0, width=0.1, height=0.1, color=BLACK):
    return TextBlock(text, (left, top, width, height), color)


def ratio(a, b):
    return difflib.SequenceMatcher(None, a, b).ratio()


def best(costs):
    """The cheapest assignment of the shorter side into the longer one, by trying all."""
    rows, columns = len(costs), len(costs[0])
    if rows <= columns:
        ways = ([(i, p[i]) for i in range(rows)] for p in itertools.permutations(range(columns), rows))
    else:
        ways = ([(p[j], j) for j in range(columns)] for p in itertools.permutations(range(rows), columns))
    return min(ways, key=lambda way: sum(costs[i][j] for i, j in way))


def search(found, wanted):
    """The published search, word by word, with `best` in place of the linear assignment."""

    def assigned(a, b):
        costs = [[-ratio(x.text, y.text) for y in b] for x in a]
        return [costs[i][j] for i, j in best(costs)]

    def tried(blocks, cost_of):
        before, gains = cost_of(blocks), []
        for i in range(len(blocks) - 1):
            trial = [*blocks[:i], merge(blocks[i], blocks[i + 1]), *blocks[i + 2 :]]
            gain = mean_gain(before, cost_of(trial))
            if gain > 0.05:
                gains.append((gain, i))
        done, result = set(), list(blocks)
        for _, i in sorted(gains, key=lambda g: -g[0]):
            if i not in done and i + 1 not in done:
                done |= {i, i + 1}
                result[i], result[i + 1] = merge(blocks[i], blocks[i + 1]), None
        return [b for b in result if b is not None], bool(gains)

    changed = True
    while changed:
        found, one = tried(found, lambda blocks, others=wanted: assigned(blocks, others))
        wanted, two = tried(wanted, lambda blocks, others=found: assigned(others, blocks))
        changed = one or two
    costs = [[-ratio(x.text, y.text) for y in wanted] for x in found]
    lowered = [list(row) for row in costs]
    for i, j in itertools.product(range(len(found)), range(len(wanted))):
        if costs[i][j] < -0.5:
            near = [
                costs[k][m]
                for k in range(max(0, i - 1), min(len(found), i + 2))
                for m in range(max(0, j - 1), min(len(wanted), j + 2))
            ]
            near.remove(costs[i][j])
            lowered[i][j] += 0.1 * sum(sorted(near)[:2])
    return found, wanted, {(i, j) for i, j in best(lowered) if -costs[i][j] >= 0.5}


WORDS = "harbour window garden letter seven morning bridge quiet lantern paper winter stone copper village".split()


@pytest.mark.parametrize("seed", range(25))
def test_the_search_equals_one_that_tries_every_assignment(seed):
    rng = random.Random(seed)
    wanted = [block(" ".join(rng.sample(WORDS, rng.randint(2, 5))), rng.random(), rng.random()) for _ in range(5)]
    found = []
    for one in wanted:
        words = one.text.split()
        cut = rng.randint(1, len(words) - 1)
        chance = rng.random()
        if chance < 0.4:
            found += [block(" ".join(words[:cut]), rng.random()), block(" ".join(words[cut:]), rng.random())]
        elif chance < 0.85:
            found.append(block(one.text[: rng.randint(5, len(one.text))], rng.random()))
    found = found[:6] or [block("lantern")]
    ours = match(found, wanted)
    theirs = search(found, wanted)
    assert [b.text for b in ours.found] == [b.text for b in theirs[0]]
    assert [b.text for b in ours.wanted] == [b.text for b in theirs[1]]
    assert {(i, j) for i, j, _ in ours.pairs} == theirs[2]


def test_a_text_in_two_pieces_is_merged():
    """Apart, the pieces are 0.65 and 0.67 alike to the whole (15 and 12 of 31 letters with the piece's own)."""
    wanted = [block("the quick brown fox jumps over")]
    found = [
        block("the quick brown", 0.1, 0.1, 0.2, 0.05, (10, 0, 0)),
        block("fox jumps over", 0.3, 0.1, 0.3, 0.1, (21, 0, 0)),
    ]
    result = match(found, wanted)
    assert [b.text for b in result.found] == ["the quick brown fox jumps over"]
    assert result.found[0].box == pytest.approx((0.1, 0.1, 0.5, 0.1))
    # Whole-number mean of 10 and 21, not 15.5.
    assert result.found[0].color == (15, 0, 0)
    assert result.pairs == ((0, 0, 1.0),)


def test_neighbours_that_match_as_they_are_stay_apart():
    texts = ["home", "contact us", "opening hours"]
    result = match([block(t) for t in texts], [block(t) for t in texts])
    assert [b.text for b in result.found] == texts
    assert [(i, j) for i, j, _ in result.pairs] == [(0, 0), (1, 1), (2, 2)]


def test_equal_texts_are_matched_by_their_neighbours():
    """Without context the middle `more` has no reason to prefer the second of the reference."""
    wanted = [block(t) for t in ("alpha", "more", "beta words", "more", "gamma")]
    found = [block(t) for t in ("beta words", "more", "gamma")]
    pairs = {(i, j) for i, j, _ in match(found, wanted).pairs}
    assert (1, 3) in pairs


def test_texts_below_half_similarity_do_not_match():
    # 2 * 3 / 12 = 0.5 counts, 2 * 2 / 12 does not.
    assert match([block("abcxyz")], [block("abcuvw")]).pairs == ((0, 0, 0.5),)
    assert match([block("abxxyz")], [block("abuuvw")]).pairs == ()


def test_a_mean_that_falls_because_a_bad_pair_vanished_is_no_gain():
    assert mean_gain([-0.9, -0.2], [-0.9]) == pytest.approx(-0.2)
    assert mean_gain([-0.2, -0.3], [-0.8]) == pytest.approx(0.55)
    # The best changed pair was -0.8 before and is only -0.7 now.
    assert mean_gain([-0.8, 0.0], [-0.7]) == 0.0
    assert mean_gain([-0.5], [-0.5]) == 0.0


def test_blocks_with_the_same_box_become_one_and_colors_are_averaged_in_turn():
    joined = join_same_boxes([block("a", color=(0, 0, 0)), block("b", color=(100, 0, 0)), block("c", color=(50, 0, 0))])
    assert [b.text for b in joined] == ["a b c"]
    # ((0 + 100) / 2 + 50) / 2 = 50; the mean of all three is 50 too, so the first channel alone would not tell.
    joined = join_same_boxes([block("a", color=(0, 0, 0)), block("b", color=(0, 0, 0)), block("c", color=(80, 0, 0))])
    assert joined[0].color == (40, 0, 0)


def test_four_scores_by_hand():
    """One of two blocks is there, shifted and red.

    Block-match: (0.02 + 0.02) / (0.04 + 0.08) = 1/3. Position: 1 - max(0.1, 0.05). Color: CIEDE2000 of black and pure
    red is 50.41.
    """
    wanted = [block("good morning", 0.1, 0.1, 0.2, 0.1, BLACK), block("xyz", 0.1, 0.5, 0.4, 0.2)]
    found = [block("good morning", 0.2, 0.15, 0.2, 0.1, RED)]
    scores = design2code.score(found, wanted)
    assert scores.block_match == pytest.approx(0.04 / 0.12)
    assert scores.text == 1.0
    assert scores.position == pytest.approx(0.9)
    assert scores.color == pytest.approx(1 - 0.5041, abs=2e-4)


def test_identical_pages_score_one_and_empty_ones_zero():
    page = [block("title", 0.1, 0.1), block("some words", 0.1, 0.4), block("more words here", 0.1, 0.6)]
    assert set(design2code.score(page, page).values.values()) == {1.0}
    for found, wanted in (([], page), (page, []), ([], []), ([block("qqq")], [block("zzz")])):
        assert set(design2code.score(found, wanted).values.values()) == {0.0}


def test_long_texts_keep_the_published_weakness():
    """From 200 letters on, frequent letters start no match: with another first letter nothing is alike any more."""
    text = "the rain came over the hills and the river rose " * 5
    changed = "q" + text[1:]
    assert difflib.SequenceMatcher(None, changed, text, autojunk=False).ratio() > 0.99
    assert match([block(changed)], [block(text)]).pairs == ()
    assert match([block(changed[:150])], [block(text[:150])]).pairs[0][2] > 0.99
