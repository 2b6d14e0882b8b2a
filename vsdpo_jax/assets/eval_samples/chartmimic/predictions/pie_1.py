import matplotlib.pyplot as plt

sources = ["Wind", "Hydro", "Solar", "Natural gas"]
shares = [38, 27, 21, 14]
colors = ["#7fb7be", "#2a6f97", "#e9c46a", "#8d99ae"]
title = "Power Mix of the Island"

fig, ax = plt.subplots(figsize=(4, 4))
ax.pie(shares, labels=sources, colors=colors, autopct="%1.0f%%", startangle=0, wedgeprops={"width": 0.45})
ax.set_title(title)

plt.savefig("pie_1.pdf", bbox_inches="tight")
