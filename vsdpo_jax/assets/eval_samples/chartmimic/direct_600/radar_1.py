# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
skills = ["Climb", "Sprint", "Stamina", "Descent", "Tactics"]
veteran = [7, 5, 9, 6, 9]
rookie = [8, 8, 5, 7, 4]
title = "Two Riders"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
angles = np.linspace(0, 2 * np.pi, len(skills), endpoint=False).tolist()
fig, ax = plt.subplots(figsize=(4, 4), subplot_kw={"projection": "polar"})
for values, color, name in ((veteran, "#5f0f40", "Veteran"), (rookie, "#fb8b24", "Rookie")):
    ax.plot(angles + angles[:1], values + values[:1], color=color, label=name)
    ax.fill(angles, values, color=color, alpha=0.25)
ax.set_xticks(angles)
ax.set_xticklabels(skills)
ax.set_title(title)
ax.legend(loc="lower right")

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("radar_1.pdf", bbox_inches="tight")
