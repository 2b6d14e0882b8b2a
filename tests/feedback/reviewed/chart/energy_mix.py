import matplotlib.pyplot as plt

years = list(range(2010, 2025, 2))
coal = [44, 42, 41, 36, 33, 27, 24, 20]
gas = [14, 12, 9, 13, 13, 16, 15, 14]
wind = [6, 8, 9, 12, 17, 23, 22, 27]
solar = [2, 4, 6, 6, 7, 9, 11, 13]

fig = plt.figure(figsize=(9, 4))
left = fig.add_axes([0.08, 0.15, 0.4, 0.7])
right = fig.add_axes([0.56, 0.18, 0.4, 0.7])

left.stackplot(years, coal, gas, wind, solar, labels=["Coal", "Gas", "Wind", "Solar"])
left.legend(loc="upper left", ncol=2)
left.set_title("Share of generation (%)")
left.set_ylim(0, 110)

right.plot(years, wind, label="Wind")
right.plot(years, coal, label="Coal")
right.set_title("Wind overtakes coal")
right.legend()
fig.suptitle("Electricity in the north", y=1.06)
fig.savefig("energy.png")
