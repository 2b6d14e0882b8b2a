# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
hours = np.arange(0, 24, 2)
valley = [9, 8, 7, 8, 11, 15, 19, 21, 20, 17, 13, 11]
ridge = [5, 4, 4, 5, 7, 10, 12, 13, 12, 10, 8, 6]
threshold = 5
xlabel = "Hour of day"
ylabel = "Temperature (°C)"
title = "Valley and Ridge in May"

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
