# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt

# ===================
# Part 2: Data Preparation
# ===================
sources = ["Wind", "Hydro", "Solar", "Gas"]
shares = [38, 27, 21, 14]
colors = ["#7fb7be", "#2a6f97", "#f4d35e", "#8d99ae"]
title = "Power Mix of the Island"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
fig, ax = plt.subplots(figsize=(4, 4))
ax.pie(shares, labels=sources, colors=colors, autopct="%1.0f%%", startangle=90, wedgeprops={"width": 0.45})
ax.set_title(title)

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("pie_1.pdf", bbox_inches="tight")
