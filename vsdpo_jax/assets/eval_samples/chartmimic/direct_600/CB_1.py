# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import numpy as np

# ===================
# Part 2: Data Preparation
# ===================
quarters = ["Q1", "Q2", "Q3", "Q4"]
orders = [320, 410, 380, 520]
returns = [4.1, 3.2, 3.9, 2.7]
errors = [20, 25, 18, 30]
title = "Orders and Returns"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
fig, ax = plt.subplots(figsize=(5, 3.5))
ax.bar(quarters, orders, yerr=errors, color="#90be6d", capsize=4, label="Orders")
ax.set_ylabel("Orders")
twin = ax.twinx()
twin.plot(quarters, returns, color="#f94144", marker="D", label="Returns")
twin.set_ylabel("Returns (%)")
fig.subplots_adjust(bottom=0.2)
fig.legend(loc="lower center", ncol=2)
ax.set_title(title)

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("CB_1.pdf", bbox_inches="tight")
