"""Matplotlib programs with several axes, with marks (see `labelled`) for what each line is responsible for."""

PANELS = {
    "grid of four": """
import numpy as np
import matplotlib.pyplot as plt
x = np.linspace(0, 6, 50)
fig, axs = plt.subplots(2, 2, figsize=(8, 6))  #> axes
axs[0, 0].plot(x, np.sin(x))  #> line@axes0; tick_label@axes0
axs[0, 0].set_title("sine")  #> title=sine
axs[0, 1].scatter(x, np.cos(x), s=10)  #> points; tick_label@axes1
axs[0, 1].set_title("cosine")  #> title=cosine
axs[1, 0].hist(np.sin(x), bins=8)  #> bar; tick_label@axes2
axs[1, 1].fill_between(x, 0, x ** 2)  #> area; tick_label@axes3
fig.suptitle("Functions", fontsize=16)  #> title=Functions
fig.tight_layout()
""",
    "grid specification": """
import matplotlib.pyplot as plt
from matplotlib.gridspec import GridSpec
fig = plt.figure(figsize=(8, 5))
gs = GridSpec(2, 3, figure=fig)
wide = fig.add_subplot(gs[0, :])  #> axes@axes0
small = fig.add_subplot(gs[1, 0])  #> axes@axes1
large = fig.add_subplot(gs[1, 1:])  #> axes@axes2
wide.plot([1, 2, 3], [2, 1, 2], color="crimson")  #> line; tick_label@axes0
small.pie([2, 1], labels=["yes", "no"])  #> wedge; =yes; =no
large.bar(["x", "y"], [3, 4])  #> bar; tick_label@axes2
wide.set_title("Trend")  #> title=Trend
large.set_ylabel("n")  #> axis_label
""",
    "left and right scales": """
import matplotlib.pyplot as plt
months = ["Jan", "Feb", "Mar"]
fig, rain = plt.subplots()  #> axes@axes0
rain.bar(months, [40, 35, 50], color="lightblue")  #> bar; tick_label@axes0/y
rain.set_ylabel("mm", color="navy")  #> axis_label=mm
rain.tick_params(axis="y", labelcolor="navy")
warmth = rain.twinx()  #> axes@axes1
warmth.plot(months, [2, 4, 9], color="darkred", marker="s")  #> line; tick_label@axes1/y
warmth.set_ylabel("°C", color="darkred")  #> axis_label=°C
fig.suptitle("Climate")  #> title
""",
    "stems and steps": """
import matplotlib.pyplot as plt
fig, axes = plt.subplots(1, 2)  #> axes
axes[0].stem([0, 1, 2, 3], [1, 3, 2, 4])  #> points; tick_label@axes0
axes[1].step([0, 1, 2, 3], [1, 3, 2, 4], where="mid")  #> line@axes1; tick_label@axes1
for ax, name in zip(axes, ("stem", "step")):
    ax.set_title(name)  #> title
    ax.set_xlabel("n")  #> axis_label
""",
    "a function that returns axes": """
import matplotlib.pyplot as plt

def make():
    figure, axes = plt.subplots(figsize=(5, 3))  #> axes
    return axes

def fill(axes, values):
    axes.plot(values, color="black")  #> line; tick_label
    return axes

def name(axes, *, title, x):
    axes.set_title(title)  #> title
    axes.set_xlabel(x)  #> axis_label

name(fill(make(), [1, 3, 2]), title="Chained", x="step")
""",
    "keyword arguments from a dictionary": """
import matplotlib.pyplot as plt
look = {"color": "tab:green", "linewidth": 2}
text = dict(fontsize=14, fontweight="bold")
fig, ax = plt.subplots(1, 1)  #> axes
ax.plot([0, 1, 2], [0, 1, 4], **look)  #> line; tick_label
ax.set_title("Squares", **text)  #> title
ax.set_ylabel("y", **text)  #> axis_label
""",
    "two figures": """
import matplotlib.pyplot as plt
plt.figure()
plt.plot([1, 2])
plt.title("first")
plt.figure()
plt.scatter([1, 2], [2, 1])  #> points; tick_label
plt.title("second")  #> title
""",
    "mosaic": """
import matplotlib.pyplot as plt
fig, axd = plt.subplot_mosaic([["left", "top"], ["left", "bottom"]])  #> axes
axd["left"].plot([3, 1, 2])  #> line@axes0; tick_label@axes0
axd["top"].bar([1, 2], [2, 3])  #> bar; tick_label@axes1
axd["bottom"].scatter([1, 2, 3], [1, 3, 2])  #> points; tick_label@axes2
for name, axes in axd.items():
    axes.set_title(name)  #> title
""",
    "pyplot subplots by number": """
import matplotlib.pyplot as plt
plt.figure(figsize=(8, 3))
plt.subplot(1, 2, 1)  #> axes@axes0
plt.plot([1, 2, 3], "g^")  #> points; tick_label@axes0
plt.title("left")  #> title=left
plt.subplot(122)  #> axes@axes1
plt.bar(range(3), [1, 2, 3])  #> bar; tick_label@axes1
plt.title("right")  #> title=right
plt.suptitle("Both")  #> title=Both
plt.subplots_adjust(top=0.8)
""",
    "quiver and stream": """
import numpy as np
import matplotlib.pyplot as plt
x, y = np.meshgrid(np.arange(0, 4), np.arange(0, 4))
fig, (a, b) = plt.subplots(1, 2)  #> axes
a.quiver(x, y, y - 1, 1 - x)  #> tick_label@axes0
b.streamplot(x[0].astype(float), y[:, 0].astype(float), y - 1.0, 1.0 - x)  #> tick_label@axes1
a.set_title("arrows")  #> title=arrows
b.set_title("streams")  #> title=streams
""",
    "shared ticks turned off": """
import matplotlib.pyplot as plt
fig, axes = plt.subplots(3, 1, sharex=True, figsize=(5, 6))  #> axes
colors = ["tab:red", "tab:green", "tab:blue"]
for index, (ax, color) in enumerate(zip(axes, colors)):
    ax.plot([index, index + 1, index], color=color)  #> line
    ax.set_ylabel(f"row {index}")  #> axis_label=row 0; axis_label=row 1; axis_label=row 2
    ax.spines[["top", "right"]].set_visible(False)
axes[-1].set_xlabel("time")  #> axis_label=time
fig.align_ylabels()
""",
    "hexagons and mesh": """
import numpy as np
import matplotlib.pyplot as plt
rng = np.random.default_rng(0)
fig, (one, two) = plt.subplots(1, 2)  #> axes
one.hexbin(rng.normal(size=200), rng.normal(size=200), gridsize=12)  #> tick_label@axes0
two.pcolormesh(rng.random((5, 5)))  #> image; tick_label@axes1
one.set_title("hex")  #> title=hex
two.set_title("mesh")  #> title=mesh
""",
}
