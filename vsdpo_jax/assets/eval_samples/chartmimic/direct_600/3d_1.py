# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
grid = np.linspace(-2, 2, 25)
east, north = np.meshgrid(grid, grid)
height = np.exp(-(east**2) - (north - 0.5) ** 2) + 0.6 * np.exp(-((east - 1) ** 2) - (north + 1) ** 2)
title = "Survey of the Hill"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
fig = plt.figure(figsize=(4.5, 4))
ax = fig.add_subplot(111, projection="3d")
ax.plot_surface(east, north, height, cmap="terrain")
ax.set_xlabel("East")
ax.set_ylabel("North")
ax.set_zlabel("Height")
ax.set_title(title)

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("3d_1.pdf", bbox_inches="tight")
