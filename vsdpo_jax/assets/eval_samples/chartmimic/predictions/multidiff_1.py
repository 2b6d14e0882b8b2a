import matplotlib.pyplot as plt
import numpy as np

np.random.seed(9)
waits = np.random.exponential(6, 200)
days = ["Mon", "Tue", "Wed", "Thu", "Fri"]
calls = [120, 98, 105, 133, 150]
minutes = np.arange(0, 30)
served = 1 - np.exp(-minutes / 6)

fig = plt.figure(figsize=(6, 4))
top = fig.add_subplot(2, 1, 1)
left = fig.add_subplot(2, 2, 3)
right = fig.add_subplot(2, 2, 4)
top.hist(waits, bins=20, color="slategray")
top.set_title("Waiting Times")
left.barh(days, calls, color="peru")
left.set_title("Calls")
right.fill_between(minutes, served, color="lightgreen")
right.plot(minutes, served, color="darkgreen")
right.set_title("Share Served")
fig.tight_layout()

plt.savefig("multidiff_1.pdf", bbox_inches="tight")
