# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
np.random.seed(9)
waits = np.random.exponential(6, 200)
days = ["Mon", "Tue", "Wed", "Thu", "Fri"]
calls = [120, 98, 105, 133, 150]
minutes = np.arange(0, 30)
served = 1 - np.exp(-minutes / 6)

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
fig = plt.figure(figsize=(6, 4))
top = plt.subplot2grid((2, 2), (0, 0), colspan=2)
left = plt.subplot2grid((2, 2), (1, 0))
right = plt.subplot2grid((2, 2), (1, 1))
top.hist(waits, bins=20, color="slategray")
top.set_title("Waiting Times")
left.barh(days, calls, color="peru")
left.set_title("Calls")
right.fill_between(minutes, served, color="lightgreen")
right.plot(minutes, served, color="darkgreen")
right.set_title("Share Served")
fig.tight_layout()

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("multidiff_1.pdf", bbox_inches="tight")
