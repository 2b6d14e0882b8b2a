import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(7)
fig, axes = plt.subplots(2, 3, figsize=(9, 5))

axes[0, 0].plot(np.cumsum(rng.normal(size=100)))
axes[0, 0].set_title("Cumulative daily active users")
axes[0, 0].set_xlabel("Days since launch")

axes[0, 1].hist(rng.exponential(2, 500), bins=30, color="teal")
axes[0, 1].set_title("Session length distribution")
axes[0, 1].set_xlabel("Minutes per session")

axes[0, 2].bar(["iOS", "Android", "Web"], [320, 410, 150], color="orange")
axes[0, 2].set_title("Users by platform type")

axes[1, 0].scatter(rng.uniform(0, 10, 60), rng.uniform(0, 10, 60), s=12)
axes[1, 0].set_title("Spend against visits")

axes[1, 1].boxplot([rng.normal(m, 1, 50) for m in (1, 2, 3)], tick_labels=["A", "B", "C"])
axes[1, 1].set_title("Score by experiment arm")

axes[1, 2].barh(["Search", "Ads", "Referral"], [55, 30, 15])
axes[1, 2].set_title("Traffic source share")

plt.savefig("dashboard.png")
