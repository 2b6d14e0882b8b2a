"""Charts by the libraries on top of Matplotlib, and by its less common methods, marked as in `labelled_charts`."""

# A mark stands behind its line, which makes some lines long.
# ruff: noqa: E501

LIBRARY_CHARTS = {
    "seaborn bars": """
import matplotlib.pyplot as plt
import seaborn as sns
fig, ax = plt.subplots(figsize=(5, 4))  #> axes
sns.barplot(x=["a", "b", "c"], y=[3, 5, 2], color="teal", ax=ax)  #> bar; tick_label
ax.set_title("By letter")  #> title
ax.set_xlabel("letter")  #> axis_label=letter
ax.set_ylabel("count")  #> axis_label=count
""",
    "seaborn lines with hue": """
import pandas as pd
import matplotlib.pyplot as plt
import seaborn as sns
frame = pd.DataFrame({"day": [1, 2, 3] * 2, "sales": [3, 4, 6, 5, 4, 2], "shop": ["x"] * 3 + ["y"] * 3})
plt.figure(figsize=(6, 4))
sns.lineplot(data=frame, x="day", y="sales", hue="shop")  #> axes; line; tick_label; legend; legend_text; axis_label
plt.title("Two shops")  #> title
""",
    "seaborn heat map": """
import numpy as np
import matplotlib.pyplot as plt
import seaborn as sns
fig, ax = plt.subplots()  #> axes@axes0
sns.heatmap(np.arange(6).reshape(2, 3), annot=True, cbar=False, ax=ax)  #> image; text
ax.set_xticklabels(["p", "q", "r"])  #> tick_label@/x
ax.set_yticklabels(["up", "down"], rotation=0)  #> tick_label@/y
plt.title("Grid")  #> title
""",
    "seaborn boxes": """
import matplotlib.pyplot as plt
import seaborn as sns
data = {"g": ["a"] * 5 + ["b"] * 5, "v": [1, 2, 3, 4, 9, 2, 3, 4, 5, 6]}
fig, ax = plt.subplots()  #> axes
sns.boxplot(data=data, x="g", y="v", ax=ax)  #> patch; line; tick_label
ax.set(xlabel="group", ylabel="value")  #> axis_label
fig.suptitle("Spread")  #> title
""",
    "seaborn counts": """
import matplotlib.pyplot as plt
import seaborn as sns
sns.set_theme(style="whitegrid")
ax = sns.countplot(x=["cat", "dog", "cat", "cow"])  #> axes; bar; tick_label; axis_label=count
ax.bar_label(ax.containers[0])  #> annotation
ax.set_title("Pets")  #> title
plt.show()
""",
    "seaborn histogram": """
import numpy as np
import seaborn as sns
values = np.random.default_rng(0).normal(size=80)
axes = sns.histplot(values, bins=9, kde=True)  #> axes; bar; line; tick_label; axis_label=Count
axes.axvline(0, color="black")  #> rule
axes.set_title("Normal", loc="left")  #> title
""",
    "seaborn regression": """
import numpy as np
import matplotlib.pyplot as plt
import seaborn as sns
x = np.arange(12.0)
fig, ax = plt.subplots()  #> axes
sns.regplot(x=x, y=2 * x + np.sin(x), ci=None, ax=ax)  #> points; line; tick_label
ax.annotate("steep", (6, 12), (2, 18), arrowprops={"arrowstyle": "->"})  #> annotation; arrow
""",
    "facets": """
import pandas as pd
import matplotlib.pyplot as plt
import seaborn as sns
frame = pd.DataFrame({"x": [1, 2, 1, 2], "y": [3, 4, 5, 1], "part": ["left", "left", "right", "right"]})
grid = sns.FacetGrid(frame, col="part")  #> axes
grid.map(plt.scatter, "x", "y")  #> points; tick_label; axis_label
grid.set_titles("{col_name}")  #> title
""",
    "pandas lines": """
import pandas as pd
import matplotlib.pyplot as plt
table = pd.DataFrame({"tea": [3, 4, 5], "milk": [5, 4, 4]}, index=[2001, 2002, 2003])
ax = table.plot(figsize=(6, 4), title="Drinks", marker="o")  #> axes; line; title; legend; legend_text; tick_label@/y
ax.set_xticks([2001, 2002, 2003])  #> tick_label@/x
ax.set_ylabel("litres")  #> axis_label
""",
    "pandas stacked bars": """
import pandas as pd
import matplotlib.pyplot as plt
table = pd.DataFrame({"yes": [3, 4], "no": [2, 1]}, index=["old", "young"])
fig, ax = plt.subplots()  #> axes
table.plot.bar(stacked=True, ax=ax, rot=0)  #> bar; legend; legend_text; tick_label
ax.set_title("Votes")  #> title
fig.tight_layout()
""",
    "pandas panels": """
import pandas as pd
import matplotlib.pyplot as plt
table = pd.DataFrame({"rain": [3, 1, 2], "sun": [5, 7, 6]})
top, bottom = table.plot(subplots=True, legend=False, color="navy")  #> axes; line; tick_label
top.set_title("rain")  #> title=rain
bottom.set_title("sun")  #> title=sun
""",
    "pandas pie": """
import pandas as pd
import matplotlib.pyplot as plt
pd.Series([2, 1], index=["big", "small"]).plot.pie(ylabel="", autopct="%d")  #> axes; wedge; text
plt.title("Sizes")  #> title
""",
    "a network": """
import matplotlib.pyplot as plt
import networkx as nx
graph = nx.Graph([("a", "b"), ("b", "c")])
place = {"a": (0, 0), "b": (1, 1), "c": (2, 0)}
fig, ax = plt.subplots()  #> axes
nx.draw_networkx_nodes(graph, place, ax=ax, node_color="orange")  #> points
nx.draw_networkx_edges(graph, place, ax=ax)  #> line
nx.draw_networkx_labels(graph, place, ax=ax)  #> text
ax.set_axis_off()
ax.set_title("Triangle")  #> title
""",
    "a tree map": """
import matplotlib.pyplot as plt
import squarify
fig, ax = plt.subplots()  #> axes
squarify.plot([5, 3, 2], label=["oak", "ash", "elm"], ax=ax, color=["#335", "#573", "#755"])  #> bar; text
ax.axis("off")
ax.set_title("Trees")  #> title
""",
    "two sets": """
import matplotlib.pyplot as plt
from matplotlib_venn import venn2
plt.figure(figsize=(4, 4))
venn2(subsets=(3, 2, 1), set_labels=("left", "right"))  #> axes; patch; text
plt.title("Shared")  #> title
""",
    "bars on a calendar": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
ax.broken_barh([(1, 3), (6, 2)], (0, 4), facecolors="teal")  #> area; tick_label@/x
ax.set_yticks([2], labels=["design"])  #> tick_label@/y
ax.set_xlabel("week")  #> axis_label
ax.invert_yaxis()
""",
    "prices with wicks": """
import matplotlib.pyplot as plt
days, low, high, opened, closed = [1, 2], [8, 9], [12, 14], [9, 13], [11, 10]
fig, ax = plt.subplots()  #> axes
ax.vlines(days, low, high, color="black")  #> line; tick_label
colors = ["green" if c > o else "red" for o, c in zip(opened, closed)]
ax.bar(days, [c - o for o, c in zip(opened, closed)], 0.5, bottom=opened, color=colors)  #> bar
ax.set_title("Price")  #> title
""",
    "lollipops": """
import matplotlib.pyplot as plt
names, values = ["a", "b", "c"], [3, 1, 2]
fig, ax = plt.subplots()  #> axes
ax.hlines(names, 0, values, color="grey")  #> line; tick_label
ax.plot(values, names, "o")  #> points
for name, value in zip(names, values):
    ax.text(value + 0.1, name, f"{value}!")  #> text
""",
    "a slope chart": """
import matplotlib.pyplot as plt
before, after = {"x": 3, "y": 5}, {"x": 6, "y": 4}
fig, ax = plt.subplots()  #> axes
for name in before:
    ax.plot([0, 1], [before[name], after[name]], marker="o")  #> line; tick_label@/y
    ax.annotate(name, (1, after[name]), xytext=(8, 0), textcoords="offset points")  #> annotation
ax.set_xticks([0, 1], ["before", "after"])  #> tick_label@/x
""",
    "bubbles with a scale of colors": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes@axes0
shown = ax.scatter([1, 2, 3], [3, 1, 2], s=[90, 300, 700], c=[1, 2, 3], alpha=0.6)  #> points; tick_label@axes0
scale = fig.colorbar(shown, ax=ax, label="heat")  #> axis_label=heat; axes@axes1; image; tick_label@axes1
ax.set_ylabel("risk")  #> axis_label=risk
""",
    "bars in three dimensions": """
import matplotlib.pyplot as plt
ax = plt.figure().add_subplot(projection="3d")  #> axes
ax.bar3d([0, 1], [0, 1], 0, 0.5, 0.5, [2, 3])  #> area; tick_label
ax.set_zlabel("height")  #> axis_label
ax.set_title("Towers")  #> title
""",
    "events": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes
ax.eventplot([[1, 2, 4], [2, 3]], lineoffsets=[1, 2], linelengths=0.6)  #> line; tick_label@/x
ax.set_yticks([1, 2], ["cell 1", "cell 2"])  #> tick_label@/y
""",
    "stairs and steps": """
import matplotlib.pyplot as plt
fig, (left, right) = plt.subplots(1, 2)  #> axes
left.stairs([1, 3, 2], fill=True)  #> patch; tick_label@axes0
right.ecdf([3, 1, 2, 2])  #> line; tick_label@axes1
right.set_title("shares")  #> title
""",
    "a second scale": """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()  #> axes@axes0
ax.plot([0, 10, 20], [1, 3, 2])  #> line; tick_label@axes0/x; tick_label@axes0/y
ax.set_xlabel("°C")  #> axis_label=°C
other = ax.secondary_xaxis("top", functions=(lambda c: c * 1.8 + 32, lambda f: (f - 32) / 1.8))  #> tick_label@inset; axes@inset0
other.set_xlabel("°F")  #> axis_label=°F
""",
    "a broken axis": """
import matplotlib.pyplot as plt
fig, (upper, lower) = plt.subplots(2, 1, sharex=True)  #> axes
for ax in (upper, lower):
    ax.bar(["a", "b"], [3, 90])  #> bar; tick_label
upper.set_ylim(80, 100)
lower.set_ylim(0, 10)
upper.spines.bottom.set_visible(False)
fig.supylabel("units")  #> axis_label
""",
    "a legend by hand": """
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
fig, ax = plt.subplots()  #> axes
ax.plot([1, 2, 3], color="red")  #> line; tick_label
handles = [Line2D([], [], color="red"), Patch(color="blue")]
ax.legend(handles, ["measured", "planned"], title="Kind", ncols=2)  #> legend; legend_text
""",
    "subfigures": """
import matplotlib.pyplot as plt
fig = plt.figure(figsize=(8, 4), layout="constrained")
left, right = fig.subfigures(1, 2)
one = left.subplots()  #> axes@axes0
two, three = right.subplots(2, 1)  #> axes@axes1; axes@axes2
one.plot([1, 2])  #> line@axes0; tick_label@axes0
two.bar([1], [2])  #> bar; tick_label@axes1
three.scatter([1, 2], [2, 1])  #> points; tick_label@axes2
left.suptitle("one")  #> title=one
right.suptitle("two")  #> title=two
""",
}
