import matplotlib.pyplot as plt
from matplotlib.patches import Patch

tasks = [
    ("Requirements", 0, 3, "plan"),
    ("Architecture", 2, 4, "plan"),
    ("Backend", 5, 8, "build"),
    ("Frontend", 7, 7, "build"),
    ("Integration tests", 13, 3, "test"),
    ("Rollout", 16, 2, "ship"),
]
palette = {"plan": "#90be6d", "build": "#577590", "test": "#f9c74f", "ship": "#f94144"}

fig, ax = plt.subplots(figsize=(8, 3.5))
for i, (name, start, length, phase) in enumerate(tasks):
    ax.barh(i, length, left=start, color=palette[phase], height=0.5)
    ax.text(start + length / 2, i, f"{name} ({length} weeks)", ha="center", va="center", color="white")

ax.set_yticks([])
ax.set_xlabel("Week")
ax.set_title("Project plan")
ax.legend(handles=[Patch(color=c, label=n.title()) for n, c in palette.items()], loc="upper center", ncol=4)
ax.invert_yaxis()
plt.savefig("gantt.png")
