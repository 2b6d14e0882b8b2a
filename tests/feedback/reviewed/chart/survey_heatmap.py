import matplotlib.pyplot as plt
import numpy as np

questions = ["Ease of use", "Speed", "Support", "Price", "Design"]
groups = ["18-24", "25-34", "35-44", "45-54", "55+"]
data = np.array([
    [4.2, 4.5, 3.9, 3.1, 4.8],
    [4.0, 4.1, 3.7, 3.3, 4.4],
    [3.8, 3.9, 4.0, 3.6, 4.1],
    [3.5, 3.4, 4.2, 3.9, 3.7],
    [3.1, 3.0, 4.4, 4.1, 3.2],
])

fig, ax = plt.subplots(figsize=(7, 5))
im = ax.imshow(data, cmap="Blues", vmin=1, vmax=5)

for i in range(len(groups)):
    for j in range(len(questions)):
        ax.text(j, i, f"{data[i, j]:.1f}", ha="center", va="center", color="navy")

ax.set_xticks(range(len(questions)), questions)
ax.set_yticks(range(len(groups)), groups)
ax.set_title("Satisfaction by age group (1 = low, 5 = high)")
fig.colorbar(im, label="Mean score")
plt.show()
