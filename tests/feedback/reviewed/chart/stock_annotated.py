import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

np.random.seed(42)
dates = pd.date_range("2023-01-01", periods=250, freq="B")
price = 100 + np.cumsum(np.random.randn(250))

df = pd.DataFrame({"price": price}, index=dates)
df["ma20"] = df["price"].rolling(20).mean()

fig, ax = plt.subplots(figsize=(8, 4))
ax.plot(df.index, df["price"], color="steelblue", lw=1, label="Close")
ax.plot(df.index, df["ma20"], color="darkorange", lw=2, label="20-day average")

peak = df["price"].idxmax()
ax.annotate("All-time high after the strong earnings report in spring",
            xy=(peak, df["price"].max()), xytext=(dates[200], df["price"].max() + 1),
            arrowprops=dict(arrowstyle="->"))
ax.set_title("ACME Corp.")
ax.set_ylabel("USD")
ax.legend(loc="lower left")
fig.autofmt_xdate()
fig.savefig("stock.png")
