import matplotlib.pyplot as plt

countries = ["India", "China", "United States of America", "Indonesia", "Pakistan", "Nigeria",
             "Brazil", "Bangladesh", "Russian Federation", "Democratic Republic of the Congo"]
population = [1428, 1411, 340, 277, 240, 224, 216, 173, 144, 102]

fig, ax = plt.subplots(figsize=(6.4, 4.2))
bars = ax.barh(countries, population, color="#3b6ea5")
ax.invert_yaxis()
ax.set_xlabel("Population (millions)", fontsize=5)
ax.set_title("Most populous countries in 2023")

for bar, value in zip(bars, population):
    ax.text(value + 15, bar.get_y() + bar.get_height() / 2, f"{value:,}", va="center", fontsize=9)

plt.savefig("population.png")
