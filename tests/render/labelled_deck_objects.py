"""python-pptx programs with tables, charts and pictures, with marks (see `labelled`) for what each line is responsible for."""

# A mark stands behind its line, which makes some lines long.
# ruff: noqa: E501

from tests.render.labelled_decks import BLANK, CONTENT

OBJECT_DECKS = {
    "a table": BLANK + """
rows = [("name", "score"), ("ada", "9"), ("bob", "7")]
table = slide.shapes.add_table(3, 2, Inches(1), Inches(1), Inches(6), Inches(2)).table  #> table
for r, row in enumerate(rows):
    for c, value in enumerate(row):
        table.cell(r, c).text = value  #> text
""",
    "a table by its columns": BLANK + """
frame = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(6), Inches(2))  #> table
table = frame.table
table.columns[0].width = Inches(4)
table.cell(0, 0).text = "left"  #> =left
table.cell(0, 1).text = "right"  #> =right
table.cell(1, 0).text_frame.text = "below"  #> =below
table.cell(1, 1).text_frame.paragraphs[0].add_run().text = "corner"  #> =corner
""",
    "a picture": BLANK + """
file = io.BytesIO()
Image.new("RGB", (60, 40), "teal").save(file, "PNG")
file.seek(0)
picture = slide.shapes.add_picture(file, Inches(2), Inches(2), width=Inches(3))  #> picture
caption = slide.shapes.add_textbox(Inches(2), Inches(4.2), Inches(3), Inches(0.5))  #> text_box
caption.text_frame.text = "a teal field"  #> =a teal field
""",
    "a column chart": BLANK + """
data = CategoryChartData()
data.categories = ["East", "West"]
data.add_series("Sales", (3, 5))
frame = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(1), Inches(7), Inches(5), data)  #> chart; text
""",
    "a chart with a title": BLANK + """
data = CategoryChartData()
data.categories = ["Q1", "Q2", "Q3"]
data.add_series("north", (1, 2, 3))
data.add_series("south", (3, 2, 1))
frame = slide.shapes.add_chart(XL_CHART_TYPE.LINE, Inches(1), Inches(1), Inches(7), Inches(5), data)  #> chart; text
chart = frame.chart
chart.has_legend = True
chart.legend.position = XL_LEGEND_POSITION.BOTTOM
chart.has_title = True
chart.chart_title.text_frame.text = "Two regions"  #> =Two regions
""",
    "a pie chart": CONTENT + """
slide.shapes.title.text = "Shares"  #> =Shares
data = CategoryChartData()
data.categories = ["a", "b", "c"]
data.add_series("s", (0.5, 0.3, 0.2))
slide.shapes.add_chart(XL_CHART_TYPE.PIE, Inches(2), Inches(2), Inches(5), Inches(4), data)  #> chart
""",
    "a bar chart and a note": BLANK + """
data = CategoryChartData()
data.categories = ["x", "y", "z"]
data.add_series("n", (4, 2, 6))
slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, Inches(0.5), Inches(0.5), Inches(5), Inches(5), data)  #> chart; text
note = slide.shapes.add_textbox(Inches(6), Inches(1), Inches(3), Inches(1))
note.text_frame.text = "look right"  #> =look right
""",
    "a scatter chart": BLANK + """
data = XyChartData()
series = data.add_series("walk")
for x, y in ((1, 2), (2, 3), (3, 1)):
    series.add_data_point(x, y)
slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, Inches(1), Inches(1), Inches(7), Inches(5), data)  #> chart; text
""",
    "pictures in a loop": BLANK + """
def square(color):
    file = io.BytesIO()
    Image.new("RGB", (50, 50), color).save(file, "PNG")
    return file
for index, color in enumerate(("navy", "olive", "maroon")):
    slide.shapes.add_picture(square(color), Inches(1 + 3 * index), Inches(2), Inches(2), Inches(2))  #> picture
""",
    "a table in a helper": BLANK + """
def fill(table, rows):
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            cell = table.cell(r, c)
            cell.text = str(value)  #> text
            cell.text_frame.paragraphs[0].font.size = Pt(14)
fill(slide.shapes.add_table(2, 3, Inches(1), Inches(1), Inches(8), Inches(1)).table, [(1, 2, 3), (4, 5, 6)])  #> table
""",
    "a merged cell": BLANK + """
table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(6), Inches(2)).table  #> table
table.cell(0, 0).merge(table.cell(0, 1))
table.cell(0, 0).text = "across"  #> =across
table.cell(1, 0).text = "a"  #> =a
table.cell(1, 1).text = "b"  #> =b
""",
    "an area chart with labels": BLANK + """
data = CategoryChartData()
data.categories = ["mon", "tue", "wed"]
data.add_series("visits", (10, 14, 9))
frame = slide.shapes.add_chart(XL_CHART_TYPE.AREA, Inches(1), Inches(1), Inches(8), Inches(5), data)  #> chart; text
""",
    "a doughnut with a word": BLANK + """
data = CategoryChartData()
data.categories = ["done", "open"]
data.add_series("state", (70, 30))
slide.shapes.add_chart(XL_CHART_TYPE.DOUGHNUT, Inches(2), Inches(1), Inches(5), Inches(5), data)  #> chart
word = slide.shapes.add_textbox(Inches(3.9), Inches(3.2), Inches(1.5), Inches(0.6))  #> text_box
word.text_frame.text = "70%"  #> =70%
""",
}  # fmt: skip
