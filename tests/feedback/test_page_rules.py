"""Defects of boxes on pages, on scenes made by hand: nesting follows from the source."""

from tests.feedback.scenes import BLACK, ORANGE, WHITE, make_scene, mark, text
from vsdpo_jax.feedback.credit import responsibilities
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.types import Statement

#              0         10        20        30        40        50        60
SOURCE = ".card {height} .p {nowrap} <table><td>a</td><td>b</td></table><div>note</div>"
RULE, WRAP = Statement(0, 14, 1, 1), Statement(15, 26, 1, 1)
TABLE, FIRST, SECOND = Statement(27, 62, 1, 1), Statement(34, 44, 1, 1), Statement(44, 54, 1, 1)
NOTE = Statement(62, 77, 1, 1)


def tag(kind, box, owner, **more):
    return mark(kind, box, group=f"{kind}{owner.start}", statements=(owner,), **more)


def words(content, box, owner, **more):
    return text(content, box, group=f"text{owner.start}", statements=(owner,), **more)


def found(*elements, kind="web"):
    return detect(make_scene(*elements, source=SOURCE, kind=kind, statements=(RULE, WRAP, TABLE, FIRST, SECOND, NOTE)))


def test_a_note_on_a_table_is_one_collision_and_hides_several_cells_once():
    elements = (
        tag("table", (10, 10, 150, 70), TABLE),
        tag("td", (10, 10, 150, 40), FIRST),
        words("a long first cell", (20, 18, 140, 32), FIRST),
        tag("td", (10, 40, 150, 70), SECOND),
        words("the second cell", (20, 48, 140, 62), SECOND),
        tag("div", (100, 15, 195, 65), NOTE, background=WHITE, z_order=5.0),
        words("note", (160, 30, 190, 44), NOTE, z_order=6.0),
    )
    assert {(defect.kind, defect.message) for defect in found(*elements)} == {
        ("overlap", "the texts 'a long first cell' and 'the second cell' are hidden behind the box"),
        ("collision", "the table and the box 'note' cover each other"),
    }


def test_a_hidden_text_is_not_also_pale():
    dark = (0.1, 0.1, 0.1)
    lies_below = words("hidden words", (20, 30, 120, 44), FIRST, color=dark)
    box = tag("div", (10, 10, 130, 70), NOTE, background=BLACK, color=BLACK, z_order=5.0)
    assert [defect.kind for defect in found(lies_below, box)] == ["overlap"]
    # In front of it, it is pale.
    above = words("hidden words", (20, 30, 120, 44), FIRST, color=dark, z_order=9.0)
    assert [defect.kind for defect in found(box, above)] == ["low_contrast"]


def test_the_next_line_below_a_box_that_is_too_low_overflows_it():
    card = tag("table", (10, 10, 150, 40), TABLE, background=WHITE, color=None, styles=(("height", RULE),))
    head = words("heading", (20, 20, 80, 34), FIRST)
    body = words("and the rest", (20, 44, 120, 58), SECOND)
    (defect,) = found(card, head, body)
    assert (
        defect.kind == "overflow"
        and defect.message == "the text 'and the rest' runs 18 px out of the bottom of its table"
    )
    blame = responsibilities(make_scene(card, head, body, source=SOURCE, kind="web"), [defect])
    # The box is too low as much as the text is too long.
    assert blame[RULE] == blame[SECOND] == 1.0
    # A label on purpose: far below, or below a box without words of its own.
    assert found(card, head, words("a label", (20, 75, 120, 89), SECOND)) == ()
    assert found(card, words("a label", (20, 44, 120, 58), SECOND)) == ()


def test_what_the_canvas_cuts_off_is_not_also_an_overflow():
    slide = tag("table", (0, 0, 200, 100), TABLE, background=WHITE, color=WHITE)
    (defect,) = found(slide, words("over the edge", (150, 40, 230, 54), FIRST))
    assert defect.kind == "clipped_text"


def test_a_rule_against_line_breaks_is_charged_though_most_texts_below_it_are_short():
    box = tag("table", (10, 10, 90, 90), TABLE, background=WHITE, color=None)
    texts = [
        words(name, (20, y, right, y + 12), owner, styles=(("wrap", WRAP),))
        for name, y, right, owner in (
            ("short", 20, 60, FIRST),
            ("short too", 40, 70, SECOND),
            ("much longer", 60, 140, SECOND),
        )
    ]
    (defect,) = found(box, *texts)
    assert defect.kind == "overflow" and defect.statements[0] == WRAP


def test_a_box_with_a_border_of_its_own_is_raised_on_purpose():
    def row(color):
        boxes = [(10, 20, FIRST, ORANGE), (70, 8, SECOND, color), (130, 20, NOTE, ORANGE)]
        return [
            mark("div", (x, y, x + 50, y + 60), group="g", statements=(owner,), color=look)
            for x, y, owner, look in boxes
        ]

    assert [defect.kind for defect in found(*row(ORANGE))] == ["misalignment"]
    assert found(*row(BLACK)) == ()
