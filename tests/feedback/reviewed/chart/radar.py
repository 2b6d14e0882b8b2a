import numpy as np
import matplotlib.pyplot as plt

categories = ["Performance", "Battery life", "Camera", "Display", "Price", "Build quality"]
phone_a = [9, 6, 8, 9, 4, 9]
phone_b = [7, 9, 6, 7, 8, 7]

angles = np.linspace(0, 2 * np.pi, len(categories), endpoint=False).tolist()
phone_a += phone_a[:1]
phone_b += phone_b[:1]
angles += angles[:1]

fig, ax = plt.subplots(figsize=(6, 6), subplot_kw=dict(polar=True))
ax.plot(angles, phone_a, color="tab:blue", linewidth=2, label="Phone A")
ax.fill(angles, phone_a, color="tab:blue", alpha=0.25)
ax.plot(angles, phone_b, color="tab:red", linewidth=2, label="Phone B")
ax.fill(angles, phone_b, color="tab:red", alpha=0.25)

ax.set_xticks(angles[:-1])
ax.set_xticklabels(categories)
ax.set_title("Smartphone comparison")
ax.legend(loc="upper right")
plt.savefig("radar.png")
