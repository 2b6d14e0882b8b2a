import matplotlib.pyplot as plt
import numpy as np

cities = ["Lisbon", "Vienna", "Tallinn", "Athens"]
months = np.arange(12)
fig, axes = plt.subplots(2, 2, figsize=(8, 5.5), sharex=True, sharey=True, layout="constrained")
for ax, city, base in zip(axes.flat, cities, [17, 11, 6, 19]):
    ax.plot(months, base + 8 * np.sin((months - 3) / 12 * 2 * np.pi), color="#0a6ebd")
    ax.fill_between(months, base - 3 + 8 * np.sin((months - 3) / 12 * 2 * np.pi),
                    base + 3 + 8 * np.sin((months - 3) / 12 * 2 * np.pi), alpha=0.2, color="#0a6ebd")
    ax.set_title(city, loc="left", fontsize=11)
    ax.set_xticks([0, 3, 6, 9], ["Jan", "Apr", "Jul", "Oct"])
fig.supylabel("Temperature (°C)")
fig.suptitle("A year in four cities")
plt.savefig("cities.png")
