import matplotlib.pyplot as plt
import numpy as np

# Quarterly revenue by region
regions = ["North America", "Western Europe", "Eastern Europe", "Asia Pacific", "Latin America", "Middle East & Africa"]
q1 = [42, 35, 18, 51, 14, 9]
q2 = [45, 33, 21, 58, 16, 11]
q3 = [48, 36, 22, 62, 15, 12]

x = np.arange(len(regions))
width = 0.25

fig, ax = plt.subplots(figsize=(6, 4))
ax.bar(x - width, q1, width, label="Q1", color="#4C72B0")
ax.bar(x, q2, width, label="Q2", color="#55A868")
ax.bar(x + width, q3, width, label="Q3", color="#C44E52")

ax.set_ylabel("Revenue (million USD)")
ax.set_title("Quarterly Revenue by Region")
ax.set_xticks(x)
ax.set_xticklabels(regions)
ax.legend()

plt.savefig("revenue.png")
