# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
crops = ["Rye", "Oats", "Beans"]
soils = ["Clay", "Loam", "Sand"]
yields = np.array([[3.1, 4.0, 2.2], [2.8, 3.6, 2.5], [1.9, 2.7, 1.4]])
title = "Yield by Crop and Soil"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
fig, ax = plt.subplots(figsize=(4, 3.5))
picture = ax.imshow(yields, cmap="YlGn")
for row in range(3):
    for column in range(3):
        ax.text(column, row, f"{yields[row, column]:.1f}", ha="center", va="center")
ax.set_xticks(range(3))
ax.set_xticklabels(soils)
ax.set_yticks(range(3))
ax.set_yticklabels(crops)
ax.set_title(title)
fig.colorbar(picture)

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("heatmap_1.pdf", bbox_inches="tight")
