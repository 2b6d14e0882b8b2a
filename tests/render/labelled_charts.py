"""Matplotlib programs of many styles, with marks (see `labelled`) for what each line is responsible for."""

CHARTS = {
    "area stack": """
import matplotlib.pyplot as plt
years = [2019, 2020, 2021]
fig, ax = plt.subplots(figsize=(6, 4))  #> axes
ax.stackplot(years, [1, 2, 3], [2, 2, 1], labels=["coal", "wind"])  #> area; tick_label@yticks
ax.set_title("Energy mix")  #> title
ax.set_xlabel("Year")  #> axis_label=Year
ax.set_ylabel("TWh")  #> axis_label=TWh
ax.set_xticks(years)  #> tick_label@xticks
ax.legend(loc="upper left")  #> legend; legend_text
fig.savefig("out.png")
""",
    "broken lines by a dictionary": """
import matplotlib.pyplot as plt
series = {"north": [3, 4, 6], "south": [6, 3, 2], "west": [1, 1, 2]}
fig, ax = plt.subplots()  #> axes
for name, values in series.items():
    ax.plot(values, marker="o", linestyle="--", label=name)  #> line; tick_label
ax.legend(title="Region")  #> legend; legend_text
ax.grid(True, alpha=0.3)
plt.tight_layout()
plt.show()
""",
    "horizontal bars with values": """
import matplotlib.pyplot as plt
names = ["cat", "dog", "cow"]
values = [12, 30, 7]
fig, ax = plt.subplots()  #> axes
ax.barh(names, values, color=["#335577", "#775533", "#557733"])  #> bar; tick_label
for index, value in enumerate(values):
    ax.text(value + 0.5, index, f"{value} kg", va="center")  #> text
ax.set_xlim(0, 40)
ax.set(xlabel="Weight", title="Animals")  #> axis_label; title
""",
    "polar bars": """
import numpy as np
import matplotlib.pyplot as plt
angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
fig = plt.figure(figsize=(5, 5))
ax = fig.add_subplot(111, polar=True)  #> axes
ax.bar(angles, [3, 5, 2, 4, 6, 3, 2, 5], width=0.6, alpha=0.7)  #> bar
ax.set_xticks(angles)
ax.set_xticklabels(["N", "NE", "E", "SE", "S", "SW", "W", "NW"])  #> tick_label@xticks
ax.set_yticks([2, 4, 6])  #> tick_label@yticks
ax.set_title("Wind", pad=20)  #> title
""",
    "radar": """
import numpy as np
import matplotlib.pyplot as plt
labels = ["speed", "power", "range", "price"]
angles = np.linspace(0, 2 * np.pi, len(labels), endpoint=False).tolist()
angles += angles[:1]
fig, ax = plt.subplots(subplot_kw={"polar": True})  #> axes
def add(values, color, name):
    values = values + values[:1]
    ax.plot(angles, values, color=color, linewidth=2, label=name)  #> line; tick_label@yticks
    ax.fill(angles, values, color=color, alpha=0.2)  #> area
add([3, 4, 2, 5], "tab:blue", "A")
add([4, 2, 5, 3], "tab:red", "B")
ax.set_thetagrids(np.degrees(angles[:-1]), labels)  #> tick_label@xticks
ax.legend(loc="lower right", bbox_to_anchor=(1.2, 0))  #> legend; legend_text
""",
    "surface": """
import numpy as np
import matplotlib.pyplot as plt
x, y = np.meshgrid(np.linspace(-2, 2, 15), np.linspace(-2, 2, 15))
fig = plt.figure()
ax = fig.add_subplot(projection="3d")  #> axes
ax.plot_surface(x, y, np.exp(-x ** 2 - y ** 2), cmap="viridis")  #> area; tick_label
ax.set_xlabel("X axis")  #> axis_label=X axis
ax.set_ylabel("Y axis")  #> axis_label=Y axis
ax.set_zlabel("Z axis")  #> axis_label=Z axis
ax.set_title("Hill")  #> title
""",
    "cloud in three dimensions": """
import numpy as np
import matplotlib.pyplot as plt
points = np.random.default_rng(3).normal(size=(30, 3))
ax = plt.figure().add_subplot(projection="3d")  #> axes
ax.scatter(*points.T, c="purple")  #> points; tick_label
plt.title("Cloud")  #> title
""",
    "heat map with numbers": """
import numpy as np
import matplotlib.pyplot as plt
table = np.array([[1, 2, 3], [4, 5, 6]])
fig, ax = plt.subplots()  #> axes@axes0
image = ax.imshow(table, cmap="Blues")  #> image@axes0/image
for (row, column), value in np.ndenumerate(table):
    ax.text(column, row, value, ha="center", va="center")  #> text
ax.set_xticks(range(3), labels=["a", "b", "c"])  #> tick_label@axes0/xticks
ax.set_yticks(range(2), labels=["p", "q"])  #> tick_label@axes0/yticks
bar = fig.colorbar(image, ax=ax)  #> axes@axes1
bar.ax.set_ylabel("count", rotation=-90)  #> axis_label
ax.set_title("Table")  #> title
""",
    "annotations with arrows": """
import matplotlib.pyplot as plt
import numpy as np
t = np.arange(0, 5, 0.05)
plt.plot(t, np.cos(t))  #> line; tick_label
plt.annotate("lowest", xy=(np.pi, -1), xytext=(3.5, 0.2),  #> annotation=lowest
             arrowprops=dict(facecolor="black", shrink=0.05))
plt.annotate(
    "zero",
    (np.pi / 2, 0), xytext=(10, 20), textcoords="offset points")
plt.axhline(0, color="gray", linewidth=0.8)  #> rule
plt.title("Cosine")  #> title
plt.ylim(-1.5, 1.5)
""",
    "box and violin": """
import numpy as np
import matplotlib.pyplot as plt
rng = np.random.default_rng(1)
data = [rng.normal(mean, 1, 40) for mean in (1, 2, 3)]
fig, (left, right) = plt.subplots(ncols=2, sharey=True)  #> axes
left.boxplot(data)  #> line@axes0
right.violinplot(data, showmedians=True)  #> area; tick_label@axes1/xticks
left.set_xticklabels(["low", "mid", "high"])  #> tick_label@axes0/xticks
left.set_title("Boxes")  #> title=Boxes
right.set_title("Violins")  #> title=Violins
""",
    "errors": """
import matplotlib.pyplot as plt
x, y = [1, 2, 3], [2.0, 3.5, 3.0]
fig, ax = plt.subplots()  #> axes
ax.errorbar(x, y, yerr=[0.3, 0.2, 0.5], fmt="o", capsize=4, label="measured")  #> error_bar; tick_label@yticks
ax.plot(x, [2.2, 3.2, 3.1], "r-", label="model")  #> line
ax.set_xticks(x)  #> tick_label@xticks
ax.legend()  #> legend; legend_text
""",
    "contours": """
import numpy as np
import matplotlib.pyplot as plt
x = np.linspace(-3, 3, 30)
X, Y = np.meshgrid(x, x)
Z = np.sin(X) * np.cos(Y)
fig, ax = plt.subplots()  #> axes@axes0
filled = ax.contourf(X, Y, Z, levels=8)  #> tick_label@axes0
lines = ax.contour(X, Y, Z, levels=4, colors="k")
fig.colorbar(filled)  #> axes@axes1
ax.set_title("Waves")  #> title
""",
    "style sheet": """
import matplotlib.pyplot as plt
plt.style.use("ggplot")
plt.rcParams["font.size"] = 11
plt.figure(figsize=(6, 3))
plt.bar([1, 2, 3], [3, 1, 2], tick_label=["one", "two", "three"])  #> bar; tick_label
plt.title("Styled", loc="left")  #> title
plt.ylabel("value")  #> axis_label
plt.tight_layout()
plt.savefig("styled.png", dpi=80)
""",
    "dark style in a context": """
import matplotlib.pyplot as plt
with plt.style.context("dark_background"):
    fig, ax = plt.subplots()  #> axes
    ax.plot([1, 4, 2], color="cyan")  #> line; tick_label
    ax.set_title("Night")  #> title
    fig.savefig("night.png")
""",
    "log scales": """
import matplotlib.pyplot as plt
sizes = [1, 10, 100, 1000]
fig, ax = plt.subplots()  #> axes
ax.loglog(sizes, [2, 30, 250, 4000], "o-", base=10)  #> line; tick_label
ax.set_xlabel("n")  #> axis_label=n
ax.set_ylabel("time")  #> axis_label=time
ax.minorticks_off()
ax.set_title("Scaling")  #> title
""",
    "dates": """
import datetime
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=7 * i) for i in range(6)]
fig, ax = plt.subplots()  #> axes
ax.plot(days, [3, 4, 2, 5, 6, 4])  #> line; tick_label@yticks
ax.xaxis.set_major_locator(mdates.MonthLocator())
ax.xaxis.set_major_formatter(mdates.DateFormatter("%b %Y"))  #> tick_label@xticks
fig.autofmt_xdate()
ax.set_title("Weekly")  #> title
""",
    "percent formatter": """
import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter
fig, ax = plt.subplots()  #> axes
ax.hist([1, 2, 2, 3, 3, 3], weights=[1 / 6] * 6, bins=3, edgecolor="white")  #> bar; tick_label@xticks
ax.yaxis.set_major_formatter(PercentFormatter(1))  #> tick_label@yticks
ax.set_ylabel("Share")  #> axis_label
""",
    "a list of functions": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
ax.scatter([1, 2, 3], [3, 1, 2])  #> points; tick_label
steps = [
    lambda: ax.set_title("Late"),
    lambda: ax.set_xlabel("when"),
]
for step in steps:
    step()
""",
    "setters of many properties": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
line, = ax.plot([1, 2, 3], [1, 4, 9])  #> line; tick_label
plt.setp(line, color="orange", linewidth=3)
title = ax.set_title("before")
title.set_text("after")  #> title
ax.xaxis.label.set_text("x label")  #> axis_label
line.set_label("squares")
ax.legend(handles=[line])  #> legend; legend_text
""",
    "objects without pyplot": """
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
fig = Figure(figsize=(5, 3))
canvas = FigureCanvasAgg(fig)
ax = fig.add_subplot()  #> axes
ax.bar(["a", "b", "c"], [1, 2, 3])  #> bar; tick_label
ax.set_title("No pyplot")  #> title
fig.savefig("plain.png")
""",
    "patches": """
import matplotlib.pyplot as plt
from matplotlib.patches import Circle, Polygon, Rectangle
fig, ax = plt.subplots()  #> axes
ax.add_patch(Rectangle((0.1, 0.1), 0.3, 0.2, color="tan"))
ax.add_patch(Circle((0.7, 0.6), 0.15, facecolor="teal"))
ax.add_patch(Polygon([(0.2, 0.6), (0.4, 0.9), (0.5, 0.5)]))  #> area
ax.text(0.7, 0.6, "sun", ha="center", color="white")  #> text
ax.set_aspect("equal")
""",
    "spans and lines": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
ax.plot([1, 5, 2, 4])  #> line@line; tick_label
ax.axvspan(1, 2, color="yellow", alpha=0.3)
ax.axhline(3, ls=":")  #> rule
ax.vlines([0.5, 1.5], 1, 5, colors="red")  #> line@marks
ax.set_title("Spans")  #> title
""",
    "stacked bars from cumulated sums": """
import numpy as np
import matplotlib.pyplot as plt
labels = ["Q1", "Q2", "Q3"]
parts = {"new": np.array([3, 4, 5]), "old": np.array([6, 5, 4])}
bottom = np.zeros(3)
fig, ax = plt.subplots()  #> axes
for name, part in parts.items():
    drawn = ax.bar(labels, part, 0.5, label=name, bottom=bottom)  #> bar; tick_label
    bottom += part
    ax.bar_label(drawn, label_type="center")  #> annotation
ax.legend(ncols=2)  #> legend; legend_text
ax.set_title("Customers")  #> title
""",
    "donut": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
ax.pie([40, 35, 25], labels=["solar", "wind", "hydro"], autopct="%1.0f%%",  #> wedge; text
       wedgeprops=dict(width=0.4), startangle=90)
ax.text(0, 0, "2024", ha="center", va="center", fontsize=18)  #> text=2024
ax.set_title("Renewables")  #> title
""",
    "text boxes and figure text": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
ax.plot([1, 3, 2])  #> line; tick_label
ax.text(0.05, 0.95, "inside", transform=ax.transAxes, va="top",  #> text=inside; frame
        bbox=dict(boxstyle="round", facecolor="wheat"))
fig.text(0.5, 0.01, "source: survey", ha="center", fontsize=8)  #> text=source: survey
plt.figtext(0.9, 0.9, "draft", color="red")  #> text=draft
""",
    "a class with a method per part": """
import matplotlib.pyplot as plt

class Report:
    def __init__(self, rows):
        self.rows = rows
        self.fig, self.ax = plt.subplots()  #> axes

    def bars(self):
        self.ax.bar([r[0] for r in self.rows], [r[1] for r in self.rows])  #> bar; tick_label
        return self

    def words(self, title):
        self.ax.set_title(title)  #> title
        for name, value in self.rows:
            self.ax.annotate(str(value), (name, value), ha="center")  #> annotation
        return self

Report([("a", 3), ("b", 5)]).bars().words("Fluent")
""",
    "rotated and sized tick labels": """
import matplotlib.pyplot as plt
plt.bar(["Alabama", "Alaska", "Arizona", "Arkansas"], [4, 1, 7, 3])  #> bar; tick_label@xticks
plt.xticks(rotation=45, ha="right")
plt.yticks([0, 2, 4, 6], fontsize=8)  #> tick_label@yticks
plt.title("States")  #> title
plt.tight_layout()
""",
    "a table below a chart": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
ax.bar([0, 1], [3, 4])  #> bar; tick_label@yticks
ax.set_xticks([])
ax.table(cellText=[["3", "4"]], colLabels=["left", "right"], loc="bottom")  #> text
ax.set_title("Two bars")  #> title
fig.subplots_adjust(bottom=0.2)
""",
}
