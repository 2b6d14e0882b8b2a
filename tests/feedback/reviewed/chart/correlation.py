import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(3)
x = rng.normal(50, 12, 120)
y = 0.8 * x + rng.normal(0, 8, 120)

fig, ax = plt.subplots(figsize=(6, 4.5))
ax.scatter(x, y, c=y, cmap="plasma", s=24)
m, b = np.polyfit(x, y, 1)
ax.plot(np.sort(x), m * np.sort(x) + b, color="black", lw=1.5)
ax.text(x.mean(), y.mean(), f"y = {m:.2f} x + {b:.2f}, r = {np.corrcoef(x, y)[0, 1]:.2f}", fontsize=11)
ax.set_xlabel("Hours of practice per month")
ax.set_ylabel("Score in the final test")
ax.set_title("Practice and result")
fig.text(0.99, 0.01, "Data: school survey 2023", ha="right", fontsize=4, color="gray")
plt.show()
