# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
hours = np.arange(0, 24, 2)
valley = [4, 3, 2, 3, 6, 10, 13, 15, 14, 11, 8, 6]
ridge = [1, 0, 0, 1, 3, 6, 8, 9, 8, 6, 4, 2]
threshold = 5
xlabel = "Hour of day"
ylabel = "Temperature (°C)"
title = "Valley and Ridge"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
plt.figure(figsize=(5, 3.5))
plt.plot(hours, valley, "o-", color="firebrick", label="Valley")
plt.plot(hours, ridge, "s--", color="steelblue", label="Ridge")
plt.axhline(threshold, color="grey", linestyle=":")
plt.annotate("frost risk below", xy=(2, threshold), xytext=(3, 8), arrowprops={"arrowstyle": "->"})
plt.xlabel(xlabel)
plt.ylabel(ylabel)
plt.title(title)
plt.legend(loc="upper left")
plt.grid(alpha=0.4)

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("line_1.pdf", bbox_inches="tight")
