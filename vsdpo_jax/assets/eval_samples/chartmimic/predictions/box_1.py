import matplotlib.pyplot as plt
import numpy as np

np.random.seed(5)
groups = [np.random.normal(loc, 1.2, 60) for loc in (5, 6, 7.5)]
names = ["Old rails", "New rails", "Maglev"]
colors = ["#e07a5f", "#3d405b", "#81b29a"]
ylabel = "Vibration (mm/s)"
title = "Vibration by Kind of Track, measured over Two Years at Four Stations in the North of the Country"

fig, ax = plt.subplots(figsize=(4.5, 3.5))
boxes = ax.boxplot(groups)
for patch, color in zip(boxes["boxes"], colors):
    patch.set_color(color)
ax.set_xticks([1, 2, 3])
ax.set_xticklabels(names)
ax.set_ylabel(ylabel)
ax.set_title(title)

plt.savefig("box_1.pdf", bbox_inches="tight")
