import matplotlib.pyplot as plt
import numpy as np

ages = ["0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+"]
men = np.array([4.1, 4.3, 4.8, 5.2, 5.4, 5.9, 4.7, 3.2, 1.6])
women = np.array([3.9, 4.1, 4.6, 5.1, 5.4, 6.0, 5.1, 3.9, 2.6])

fig, ax = plt.subplots(figsize=(6, 5))
ax.barh(ages, -men, color="#4a7fb0", label="Men")
ax.barh(ages, women, color="#c7617f", label="Women")
for i, (m, w) in enumerate(zip(men, women)):
    ax.text(-m - 0.1, i, f"{m}", ha="right", va="center")
    ax.text(w + 0.1, i, f"{w}", ha="left", va="center")
ax.axvline(0, color="black", lw=0.8)
ax.set_xlim(-6, 6)
ax.set_title("Population by age and sex (million)")
ax.legend(loc="lower right")
ax.set_xticks([])
plt.tight_layout()
plt.savefig("pyramid.png")
