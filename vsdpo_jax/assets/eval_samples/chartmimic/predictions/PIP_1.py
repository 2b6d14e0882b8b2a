import matplotlib.pyplot as plt
import numpy as np

years = np.arange(1960, 2021)
level = 40 + 0.2 * (years - 1960) + 2 * np.sin((years - 1960) / 3)
xlabel = "Year"
ylabel = "Level (cm)"
title = "The Lake since 1960"

fig, ax = plt.subplots(figsize=(5, 3.5))
ax.plot(years, level, color="navy")
ax.set_xlabel(xlabel)
ax.set_ylabel(ylabel)
ax.set_title(title)
inset = fig.add_axes([0.55, 0.2, 0.3, 0.3])
inset.plot(years[-12:], level[-12:], color="crimson")
inset.set_title("last years", fontsize=8)

plt.savefig("PIP_1.pdf", bbox_inches="tight")
