"""Ordinary programs of each kind, for measurements. `{value}` makes every job another one, so that no cache answers."""

CHARTS = (
    """import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
bars = ax.bar(["north", "south", "east", "west"], [3, 5, 2, {value}], color="tab:blue", label="rain")
ax.bar_label(bars)
ax.set_title("Rain by region")
ax.set_xlabel("region")
ax.set_ylabel("mm")
ax.legend()
fig.savefig("chart.png")
""",
    """import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
x = np.linspace(0, 10, 200)
fig, axes = plt.subplots(1, 2, figsize=(9, 4))
for name, shift in (("first", 0), ("second", 1), ("third", 2)):
    axes[0].plot(x, np.sin(x + shift) + {value}, label=name)
axes[0].legend(loc="upper right")
axes[0].grid(True, alpha=0.3)
axes[1].scatter(x, np.cos(x) * x, c=x, s=12)
axes[1].annotate("peak", (6, 6), (7, 8), arrowprops=dict(arrowstyle="->"))
fig.suptitle("Waves")
fig.tight_layout()
fig.savefig("chart.png")
""",
    """import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
table = np.arange(24).reshape(4, 6) % 7 + {value}
plt.figure(figsize=(7, 5))
plt.imshow(table, cmap="viridis")
plt.colorbar(label="count")
for row in range(4):
    for column in range(6):
        plt.text(column, row, str(table[row, column]), ha="center", color="white")
plt.xticks(range(6), ["Jan", "Feb", "Mar", "Apr", "May", "Jun"], rotation=45)
plt.yticks(range(4), ["a", "b", "c", "d"])
plt.title("Visits")
plt.savefig("chart.png")
""",
    """import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
labels, sizes = ["rent", "food", "travel", "savings"], [40, 25, 15, 20 + {value}]
fig, ax = plt.subplots(figsize=(5, 5))
ax.pie(sizes, labels=labels, autopct="%1.1f%%", startangle=90, explode=(0, 0.1, 0, 0))
ax.set_title("Budget")
fig.savefig("chart.png")
""",
)
PAGES = (
    """<!doctype html>
<style>body {{ font-family: Arial; margin: 40px }} .card {{ background: #eef; width: 220px }}</style>
<h1>Products {value}</h1><div class="card"><h2>One</h2><p>First thing</p></div><div class="card"><h2>Two</h2></div>
""",
    """<!doctype html>
<html><head><style>
body {{ font-family: Arial, sans-serif; margin: 0; color: #222 }}
nav {{ background: #234; color: white; padding: 16px 40px; display: flex; justify-content: space-between }}
.grid {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 24px; padding: 40px }}
.card {{ border: 1px solid #ccc; border-radius: 8px; padding: 20px; box-shadow: 0 2px 6px #0003 }}
table {{ border-collapse: collapse; margin: 40px }} td, th {{ border: 1px solid #aaa; padding: 6px 14px }}
</style></head><body>
<nav><b>Harbour {value}</b><span>Home · Boats · Prices · Contact</span></nav>
<div class="grid">
<div class="card"><h2>Sails</h2><p>Made by hand from strong cloth, in three sizes.</p></div>
<div class="card"><h2>Ropes</h2><p>By the metre, tarred or plain, for every knot.</p></div>
<div class="card"><h2>Lamps</h2><p>For the mast and for the table below.</p></div>
</div>
<table><tr><th>Size</th><th>Price</th></tr><tr><td>small</td><td>40</td></tr><tr><td>large</td><td>95</td></tr></table>
</body></html>
""",
)
DECKS = (
    """from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Inches, Pt
prs = Presentation()
slide = prs.slides.add_slide(prs.slide_layouts[1])
slide.shapes.title.text = "Quarter {value}"
slide.placeholders[1].text = "Sales grew\\nCosts fell\\nTwo new shops"
for index, color in enumerate([(30, 80, 160), (200, 90, 40), (60, 140, 70)]):
    left = Inches(0.8 + 2.8 * index)
    box = slide.shapes.add_shape(MSO_SHAPE.ROUNDED_RECTANGLE, left, Inches(5), Inches(2.4), Inches(1.4))
    box.fill.solid()
    box.fill.fore_color.rgb = RGBColor(*color)
    box.text_frame.text = f"{{index + 1}} of 3"
    box.text_frame.paragraphs[0].runs[0].font.size = Pt(20)
prs.save("deck.pptx")
""",
)
