# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
harbours = ["Brest", "Porto", "Gdansk", "Izmir"]
spring = [42, 57, 33, 61]
autumn = [51, 49, 40, 72]
xlabel = "Harbour"
ylabel = "Landings (t)"
title = "Fish Landed by Season"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
x = np.arange(len(harbours))
fig, ax = plt.subplots(figsize=(5, 3.5))
ax.bar(x - 0.2, spring, 0.4, label="Spring", color="#4c956c")
ax.bar(x + 0.2, autumn, 0.4, label="Autumn", color="#d68c45")
ax.set_xticks(x)
ax.set_xticklabels(harbours)
ax.set_xlabel(xlabel)
ax.set_ylabel(ylabel)
ax.set_title(title)
ax.legend()

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("bar_1.pdf", bbox_inches="tight")
