from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])

heading = slide.shapes.add_textbox(Inches(0.7), Inches(0.4), Inches(11.9), Inches(0.9))
heading.text_frame.text = "Unit sales by product line"
heading.text_frame.paragraphs[0].font.size = Pt(36)

chart_data = CategoryChartData()
chart_data.categories = ["2021", "2022", "2023", "2024"]
chart_data.add_series("Bikes", (120, 180, 260, 310))
chart_data.add_series("Trailers", (20, 35, 60, 95))
frame = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(0.7), Inches(1.5), Inches(8), Inches(5.4), chart_data)
chart = frame.chart
chart.has_legend = True
chart.legend.position = XL_LEGEND_POSITION.BOTTOM
chart.legend.include_in_layout = False

callout = slide.shapes.add_textbox(Inches(7.4), Inches(2.2), Inches(5.2), Inches(1.6))
callout.text_frame.word_wrap = True
callout.text_frame.text = "Trailers grew almost fivefold in four years and now bring a quarter of the profit."
callout.text_frame.paragraphs[0].font.size = Pt(24)

note = slide.shapes.add_textbox(Inches(9.2), Inches(6.6), Inches(4.8), Inches(0.5))
note.text_frame.text = "Source: annual report 2024, page 31, thousand units"
note.text_frame.paragraphs[0].font.size = Pt(14)

prs.save("sales.pptx")
