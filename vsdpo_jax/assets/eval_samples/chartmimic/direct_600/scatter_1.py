# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
np.random.seed(3)
depth = np.random.uniform(5, 80, 40)
oxygen = 9 - 0.06 * depth + np.random.normal(0, 0.5, 40)
salinity = 30 + 0.05 * depth
xlabel = "Depth (m)"
ylabel = "Oxygen (mg/l)"
title = "Oxygen in the Fjord"
label = "Salinity"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
fig, ax = plt.subplots(figsize=(5, 3.5))
points = ax.scatter(depth, oxygen, c=salinity, cmap="viridis", s=30)
fig.colorbar(points, ax=ax, label=label)
ax.set_xlabel(xlabel)
ax.set_ylabel(ylabel)
ax.set_title(title)

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("scatter_1.pdf", bbox_inches="tight")
