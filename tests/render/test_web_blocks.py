"""Text blocks of real pages in the real browser, and every rule of Design2Code's extraction that can go wrong."""

import io

import numpy as np
import pytest
from PIL import Image

from vsdpo_jax.render import block_markup
from vsdpo_jax.render.block_pixels import read_blocks
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.reward.design2code import page_blocks, score


@pytest.fixture(scope="module")
def farm():
    with RenderFarm(workers=1) as farm:
        yield farm


def page(body, style=""):
    return f"<!DOCTYPE html><html><head><style>body{{margin:0}}{style}</style></head><body>{body}</body></html>"


def blocks_of(farm, html, kind="page_blocks", **assets):
    return page_blocks(farm.submit(html, kind, **assets).result())


def jpeg():
    buffer = io.BytesIO()
    Image.new("RGB", (60, 300), (0, 0, 250)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_blocks_have_the_text_place_and_color_of_what_is_seen(farm):
    style = "h1{position:absolute;left:128px;top:72px;margin:0;font:40px Arial;color:#c01020} .n{color:#20c010}"
    html = page('<h1>Big TITLE</h1><p class="n" style="margin:400px 0 0">Below</p>', style)
    title, below = blocks_of(farm, html)
    assert (title.text, below.text) == ("big title", "below")
    left, top, width, height = title.box
    # Ink of 40 pixel Arial: the B stands 3 pixels in, capitals are about 29 high and the g goes 9 below.
    assert 128 < left * 1280 < 134 and 72 < top * 720 < 84
    assert 160 < width * 1280 < 190 and 36 < height * 720 < 41
    assert np.abs(np.subtract(title.color, (192, 16, 32))).max() < 14
    assert below.color[1] > 130 > max(below.color[0], below.color[2])
    assert below.box[1] * 720 > 400


def test_a_page_is_as_large_as_its_content(farm):
    scene = farm.submit(page('<p style="height:1500px;width:1600px">x</p>'), "page_blocks").result()
    # The paragraph's own margins are above and below.
    assert scene.width == 1600 and scene.height == 1532
    short = farm.submit(page("<p>x</p>"), "page_blocks").result()
    assert (short.width, short.height) == (1280, 720)


def test_what_counts_as_the_text_of_a_block(farm):
    """Texts directly in one tag share its color and box; an uncolored inline tag has that of the tag around it."""
    html = page("<p>one <em>two</em> three</p><section>lost</section><div>kept <strong>too</strong></div>")
    texts = [block.text for block in blocks_of(farm, html)]
    assert texts == ["one", "two", "three", "kept", "too"]
    boxes = {block.box for block in blocks_of(farm, html)}
    assert len(boxes) == 2


def test_texts_that_the_published_rules_lose(farm):
    """A tag that is not in the list but has a color of its own, as a rule or as an old attribute."""
    html = page('<p>seen <em class="c">gone</em> <font color="red">also gone</font></p>', ".c{color:#123456}")
    found = blocks_of(farm, html)
    # Their words take the paragraph's color in the markup, so they are there, but with the paragraph's own pixels.
    assert len({block.box for block in found}) == 1
    inline = page('<p>seen</p><em style="color:#123456">gone</em>')
    assert [block.text for block in blocks_of(farm, inline)] == ["seen"]


def test_hidden_and_covered_texts_are_no_blocks(farm):
    html = page(
        '<p style="display:none">hidden</p><p style="visibility:hidden">unseen</p>'
        '<p style="opacity:0.2">faint</p><p>there</p><!-- a comment -->'
    )
    # Opacity is forced to one, so a faint text counts.
    assert [block.text for block in blocks_of(farm, html)] == ["faint", "there"]


def test_pages_without_blocks(farm):
    for html in ("", "plain words", page(""), page("<img src=x>"), "<html><p>no body</p></html>"):
        assert blocks_of(farm, html) == ()


def test_an_answer_is_cleaned_up_first(farm):
    assert [b.text for b in blocks_of(farm, "only words", "answer_blocks")] == ["only words"]
    assert blocks_of(farm, "only words", "page_blocks") == ()


def test_animations_have_ended(farm):
    style = "@keyframes in{from{color:#fff;margin-left:600px}to{color:#000;margin-left:0}}p{animation:in 30s}"
    (found,) = blocks_of(farm, page("<p>arrived</p>", style))
    assert found.box[0] < 0.05


def test_only_files_that_were_given_are_shown(farm):
    html = page('<img src="rick.jpg"><p>below</p><img src="http://example.com/x.jpg">')
    without, given = blocks_of(farm, html), blocks_of(farm, html, assets={"rick.jpg": jpeg()})
    # The picture is 300 pixels high; a broken one takes no room.
    assert given[0].box[1] * 720 == pytest.approx(without[0].box[1] * 720 + 300, abs=25)
    scene = farm.submit(html, "page_blocks", assets={"rick.jpg": jpeg()}).result()
    assert scene.image[100, 30, 2] > 200 and scene.image[100, 30, 0] < 60


def test_a_script_runs_as_in_the_published_renderer(farm):
    html = page('<p id="a">before</p><script>document.getElementById("a").style.marginTop = "300px"</script>')
    found = [block for block in blocks_of(farm, html) if block.text == "before"]
    assert found[0].box[1] * 720 > 300


@pytest.mark.slow
def test_a_page_that_never_ends_is_a_failure_and_the_next_one_works(farm):
    scene = farm.submit(page("<p>x</p><script>while (true) {}</script>"), "page_blocks").result()
    assert scene.error is not None and page_blocks(scene) == ()
    assert len(blocks_of(farm, page("<p>fine</p>"))) == 1


def test_tags_beyond_the_colors_wait_for_the_next_pass():
    """4,100 tags: the published evaluation ends with an error after 4,096."""
    html = "<html><body>" + "".join(f"<p>{k}</p>" for k in range(4100)) + "</body></html>"
    assert block_markup.passes(html) == 2
    first, second = block_markup.colored(html, 0), block_markup.colored(html, 1)
    # What waits is transparent, which no pixel is.
    seen = [[pair for pair in page.texts if pair[1] != (0, 0, 0)] for page in (first, second)]
    assert [text for text, _ in seen[0]] == [str(k) for k in range(4096)]
    assert seen[1] == [(str(4096 + k), (250, 250, 250 - 16 * k)) for k in range(4)]
    assert first.first.count("color: transparent !important") == 4


@pytest.mark.slow
def test_more_tags_than_colors_are_read_in_several_passes(farm):
    """4,200 spans: the published evaluation ends with an error after 4,096."""
    spans = "".join(f"<span>{k}</span> " for k in range(4200))
    html = page(spans, "body{font:13px Arial}")
    assert block_markup.passes(html) == 2
    found = blocks_of(farm, html)
    assert [block.text for block in found] == [str(k) for k in range(4200)]
    assert len({block.box for block in found}) == 4200


def test_a_page_against_itself_is_perfect(farm):
    found = blocks_of(farm, page("<h1>Shop</h1><p>One thing</p><p>And another</p>"))
    assert list(score(found, found).values.values()) == pytest.approx([1.0] * 4)


def test_colors_go_down_the_grid_from_its_bright_end():
    html = "<p>a</p><p>b</p><div>c</div>"
    first = block_markup.colored(f"<html><body>{html}</body></html>")
    assert [color for _, color in first.texts] == [(250, 250, 250), (250, 250, 234), (250, 250, 218)]
    # (250 + 50) % 256 = 44 and (218 + 50) % 256 = 12.
    assert "color: #2C2C2C !important" in first.second and "color: #2C2C0C !important" in first.second


def test_styles_are_edited_as_published():
    html = (
        '<html><body><p style="color-scheme:dark; COLOR:red; font-size:9px;; background-color:blue">x</p></body></html>'
    )
    first = " ".join(block_markup.colored(html).first.split())
    # What begins with the name of a property goes with it, in lower case only; `;;` vanishes.
    expected = "COLOR:red; font-size:9px; background-color: rgba(255, 255, 255, 0.0) !important; color: #FAFAFA"
    assert expected in first
    assert "color-scheme" not in first and "blue" not in first


def test_an_unreadable_color_is_an_error_as_published():
    with pytest.raises(ValueError, match="names no color"):
        block_markup.colored('<html><body><em style="color">x</em></body></html>')


def test_repetition_is_cut_where_it_begins():
    chunk = "".join(chr(97 + (7 * k) % 26) for k in range(100))
    other = "".join(chr(65 + (5 * k) % 26) for k in range(100))
    for copies, cut in ((4, False), (5, True)):
        html = f"<b>{other}</b>" + f"<i>{chunk}</i>" * copies + "<p>end</p>"
        result = block_markup.cut_repetition(html)
        # The first copy begins at character 100 of the text, which is behind `<b>…</b><i>`.
        assert result == (html[: len(f"<b>{other}</b><i>")] if cut else html)


def test_copies_after_the_fiftieth_go():
    html = "<html><body>" + "<p>same</p>" * 60 + "<p>other</p></body></html>"
    cleaned = block_markup.clean_answer(html)
    assert cleaned.count("<p>same</p>") == 50 and cleaned.count("<p>other</p>") == 1


def test_pixels_of_a_text_are_those_that_follow_the_shift():
    original = np.full((10, 20, 3), 7, np.uint8)
    original[2:4, 3:8] = (100, 51, 10)
    first = np.full((10, 20, 3), 255, np.uint8)
    second = first.copy()
    color = (250, 234, 10)
    # Within 4 of the color, and within 8 of the color plus 50 without going around.
    first[2:4, 3:8], second[2:4, 3:8] = (246, 238, 14), (40, 28, 68)
    # As near in color, but it did not shift: a picture.
    first[8, 0], second[8, 0] = color, color
    # Shifted, but 5 away from the color.
    first[0, 19], second[0, 19] = (250, 239, 10), (44, 33, 60)
    found = read_blocks(original, first, second, [("Word", color), ("nothing", (10, 10, 10))])
    assert found == [("word", (3, 2, 8, 4), (100, 51, 10))]
    assert read_blocks(original, first, second[:9], [("Word", color)]) == []
    # A text outside the original ends the reading of the page.
    assert read_blocks(original[:3], first, second, [("Word", color)]) == []
    # Black would wrap around: no pixels.
    assert read_blocks(original, np.zeros_like(first), np.full_like(first, 50), [("x", (0, 0, 0))]) == []
