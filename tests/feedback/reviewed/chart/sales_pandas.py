import pandas as pd
import matplotlib.pyplot as plt

df = pd.DataFrame({
    "store": ["Downtown flagship", "Airport terminal 2", "University campus", "Riverside mall", "Old town corner"],
    "online": [310, 120, 240, 180, 90],
    "in_store": [420, 380, 150, 260, 210],
}).set_index("store")

ax = df.plot(kind="bar", stacked=True, figsize=(5, 3.5), color=["#7b2cbf", "#f6d6ff"])
ax.set_title("Sales by store and channel")
ax.set_ylabel("Orders per day")
plt.xticks(rotation=0)
for container in ax.containers:
    ax.bar_label(container, label_type="center", color="white")
plt.tight_layout()
plt.savefig("sales.png")
