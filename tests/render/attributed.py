"""Chart programs with the statements that a person holds responsible for what they show.

Each is (source, {what: fragment}). `what` is a kind of element, `kind=text` for one with that text, or `kind@group` for
those whose group ends so; the fragment is part of the statement that every such element belongs to first.
"""

PROGRAMS = {
    "pyplot bars": (
        """
import matplotlib.pyplot as plt
names = ["a", "b"]
plt.figure(figsize=(4, 3))
plt.bar(names, [1, 2], color="teal", label="kg")
plt.title("Weights")
plt.xlabel("thing")
plt.ylabel("kg")
plt.legend()
plt.show()
""",
        {
            "bar": "plt.bar(", "title": "plt.title(", "axis_label=thing": "plt.xlabel(", "axis_label=kg": "plt.ylabel(",
            "legend": "plt.legend(", "legend_text": "plt.legend(", "tick_label@xticks": "plt.bar(",
        },
    ),
    "a helper and its callers": (
        """
import matplotlib.pyplot as plt
def decorate(axes, title):
    axes.set_title(title)
    axes.set_xlabel("year")
fig, (left, right) = plt.subplots(1, 2)
left.plot([1, 2], [3, 4])
right.scatter([1, 2], [4, 3])
decorate(left, "one")
decorate(right, "two")
""",
        {
            "title": "axes.set_title(title)", "axis_label": 'axes.set_xlabel("year")', "line": "left.plot(",
            "points": "right.scatter(", "axes": "plt.subplots(",
        },
    ),
    "the last title wins": (
        """
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.title("draft")
plt.title("final")
plt.gca().set_xlabel("x")
plt.xlabel("time")
""",
        {"title": 'plt.title("final")', "axis_label": 'plt.xlabel("time")', "line": "plt.plot("},
    ),
    "ticks by hand": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.plot([0, 1, 2], [3, 1, 2])
ax.set_xticks([0, 1, 2])
ax.set_xticklabels(["low", "middle", "high"], rotation=30)
ax.set_yticks([1, 2, 3])
""",
        {"tick_label@xticks": "ax.set_xticklabels(", "tick_label@yticks": "ax.set_yticks(", "line": "ax.plot("},
    ),
    "pyplot ticks": (
        """
import matplotlib.pyplot as plt
plt.plot([0, 1, 2], [3, 1, 2])
plt.xticks([0, 2], ["start", "end"])
""",
        {"tick_label@xticks": "plt.xticks(", "tick_label@yticks": "plt.plot("},
    ),
    "a formatter": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.bar(["a", "b"], [1000, 2000])
ax.yaxis.set_major_formatter(lambda value, _: f"{value / 1000:.1f}k")
""",
        {"tick_label@yticks": "set_major_formatter(", "tick_label@xticks": "ax.bar(", "bar": "ax.bar("},
    ),
    "a loop over bars": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
bars = ax.bar([1, 2, 3], [4, 5, 6])
for bar in bars:
    ax.text(bar.get_x(), bar.get_height(), str(bar.get_height()))
for index, bar in enumerate(bars): ax.annotate("a%d" % index, (bar.get_x(), 1))
""",
        {"bar": "bars = ax.bar(", "text": "ax.text(", "annotation": "ax.annotate("},
    ),
    "bar labels": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
first = ax.barh(["a", "b"], [4, 5])
ax.bar_label(first, padding=3)
""",
        {"bar": "first = ax.barh(", "annotation": "ax.bar_label(", "tick_label@yticks": "first = ax.barh("},
    ),
    "grouped bars": (
        """
import numpy as np
import matplotlib.pyplot as plt
x = np.arange(3)
fig, ax = plt.subplots()
for offset, name in enumerate(["p", "q"]):
    ax.bar(x + 0.4 * offset, x + 1, 0.4, label=name)
ax.set(title="Groups", xlabel="g", xticks=x)
fig.legend(loc="outside upper right")
""",
        {
            "bar": "ax.bar(", "title": "ax.set(", "axis_label": "ax.set(", "tick_label@xticks": "ax.set(",
            "legend": "fig.legend(", "legend_text": "fig.legend(",
        },
    ),
    "a pie": (
        """
import matplotlib.pyplot as plt
wedges, names, shares = plt.pie([1, 2, 3], labels=["a", "b", "c"], autopct="%d%%")
names[0].set_text("first")
plt.setp(shares, color="white")
""",
        {"wedge": "plt.pie(", "text=first": "names[0].set_text(", "text=b": "plt.pie(", "text=50%": "plt.pie("},
    ),
    "comprehensions": (
        """
import matplotlib.pyplot as plt
fig, axes = plt.subplots(2, 2)
lines = [ax.plot([1, 2], [i, 2])[0] for i, ax in enumerate(axes.flat)]
[ax.set_title(f"n{i}") for i, ax in enumerate(axes.flat)]
fig.suptitle("all")
fig.supxlabel("below")
""",
        {
            "line": "lines = [", "title=n0": "[ax.set_title(", "title=n3": "[ax.set_title(",
            "title=all": "fig.suptitle(", "axis_label=below": "fig.supxlabel(",
        },
    ),
    "a lambda and a partial": (
        """
from functools import partial
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
draw = lambda y: ax.axhline(y, color="red")
plot = partial(ax.plot, linewidth=3)
draw(1)
plot([0, 1], [0, 2])
""",
        {"rule": "draw = lambda", "line": "plot([0, 1]"},
    ),
    "a decorator": (
        """
import matplotlib.pyplot as plt
def titled(function):
    def wrapper(axes):
        function(axes)
        axes.set_title(function.__name__)
    return wrapper
@titled
def waves(axes):
    axes.plot([1, 2, 1])
fig, ax = plt.subplots()
waves(ax)
""",
        {"line": "axes.plot(", "title": "axes.set_title("},
    ),
    "a class": (
        """
import matplotlib.pyplot as plt
class Chart:
    def __init__(self):
        self.figure, self.axes = plt.subplots()
    def draw(self):
        self.axes.fill_between([0, 1, 2], [1, 2, 1])
        self.label()
    def label(self):
        self.axes.set_ylabel("area")
Chart().draw()
""",
        {"area": "fill_between(", "axis_label": "set_ylabel(", "axes": "plt.subplots("},
    ),
    "two axes on one": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.bar(["a", "b"], [1, 2])
ax.set_ylabel("count")
other = ax.twinx()
other.plot(["a", "b"], [30, 20], color="red")
other.set_ylabel("share")
""",
        {
            "bar": "ax.bar(", "line": "other.plot(", "axis_label=count": "ax.set_ylabel(",
            "axis_label=share": "other.set_ylabel(", "tick_label@axes1/yticks": "other.plot(",
        },
    ),
    "shared axes": (
        """
import matplotlib.pyplot as plt
fig, (top, bottom) = plt.subplots(2, 1, sharex=True)
top.hist([1, 2, 2, 3])
bottom.step([1, 2, 3], [3, 2, 1])
bottom.set_xlabel("value")
""",
        {"bar": "top.hist(", "line": "bottom.step(", "axis_label": "bottom.set_xlabel("},
    ),
    "an inset": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.plot([1, 2, 3])
small = ax.inset_axes([0.6, 0.1, 0.3, 0.3])
small.bar([1], [1])
small.set_title("inset", fontsize=8)
""",
        {"line": "ax.plot(", "bar": "small.bar(", "title": "small.set_title(", "axes@inset0": "small = ax.inset_axes("},
    ),
    "an image with a bar of colors": (
        """
import numpy as np
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
picture = ax.imshow(np.arange(4).reshape(2, 2))
bar = fig.colorbar(picture)
bar.set_label("degrees")
""",
        {"image@axes0/image": "ax.imshow(", "axis_label": "bar.set_label("},
    ),
    "a box plot": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.boxplot([[1, 2, 3], [2, 3, 9]])
ax.set_xticks([1, 2], ["old", "new"])
""",
        {"line": "ax.boxplot(", "tick_label@xticks": "ax.set_xticks("},
    ),
    "error bars and stems": (
        """
import matplotlib.pyplot as plt
fig, (left, right) = plt.subplots(1, 2)
left.errorbar([1, 2], [3, 4], yerr=0.5, capsize=3)
right.stem([1, 2, 3])
""",
        {"error_bar": "left.errorbar(", "line@axes0": "left.errorbar(", "points": "right.stem("},
    ),
    "polar": (
        """
import matplotlib.pyplot as plt
ax = plt.subplot(projection="polar")
ax.plot([0, 1, 2], [1, 2, 1])
ax.set_title("round")
""",
        {"line": "ax.plot(", "title": "ax.set_title(", "axes": "ax = plt.subplot("},
    ),
    "a statement of many lines": (
        '''
import matplotlib.pyplot as plt
plt.plot(
    [1, 2, 3],
    label="é",
); plt.title(
    "日本",
)
plt.legend(); plt.text(
    1, 1, """two
lines""")
''',
        {
            "line": "plt.plot(\n    [1, 2, 3]", "title": 'plt.title(\n    "日本"', "legend": "plt.legend()",
            "text": "plt.text(\n",
        },
    ),
    "branches": (
        """
import matplotlib.pyplot as plt
for kind in ("bar", "line"):
    if kind == "bar":
        plt.bar([1], [2])
    else:
        try:
            plt.plot([1, 2], [1, 2])
        finally:
            plt.title(kind)
with plt.rc_context({"font.size": 8}):
    plt.xlabel("small")
""",
        {"bar": "plt.bar(", "line": "plt.plot(", "title": "plt.title(kind)", "axis_label": 'plt.xlabel("small")'},
    ),
    "saved, then cleared": (
        """
import matplotlib.pyplot as plt
plt.plot([1, 2], [2, 1])
plt.title("kept")
plt.savefig("a.png", bbox_inches="tight")
plt.clf()
plt.title("not shown")
""",
        {"line": "plt.plot(", "title": 'plt.title("kept")'},
    ),
    "generated code": (
        """
import matplotlib.pyplot as plt
code = "plt.plot([1, 2])"
exec(code)
plt.title("t")
""",
        {"line": "exec(code)", "title": "plt.title("},
    ),
    "a table and a frame": (
        """
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.axis("off")
ax.table(cellText=[["a", "b"]], loc="center")
fig.text(0.5, 0.9, "note", bbox=dict(facecolor="yellow"))
""",
        {"text=a": "ax.table(", "text=note": "fig.text(", "frame": "fig.text("},
    ),
}  # fmt: skip
