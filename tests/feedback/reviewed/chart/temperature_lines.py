import matplotlib.pyplot as plt

months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
oslo = [-4.3, -4.0, -0.2, 4.5, 10.8, 15.2, 16.4, 15.2, 10.8, 6.3, 0.7, -3.1]
madrid = [6.3, 7.9, 11.2, 12.9, 16.7, 22.2, 25.6, 25.1, 20.9, 15.1, 9.9, 6.9]
cairo = [13.8, 15.2, 17.4, 21.4, 24.7, 27.3, 27.9, 27.9, 26.3, 23.6, 18.9, 15.0]

plt.figure(figsize=(8, 4.5))
plt.plot(months, oslo, marker="o", label="Oslo")
plt.plot(months, madrid, marker="s", label="Madrid")
plt.plot(months, cairo, marker="^", label="Cairo")

# Label every point
for series in (oslo, madrid, cairo):
    for month, value in zip(months, series):
        plt.annotate(f"{value:.1f}", (month, value))

plt.title("Average monthly temperature in three cities, 1991-2020 climate normals, degrees Celsius", fontsize=16)
plt.ylabel("Temperature (°C)")
plt.legend(loc="center")
plt.grid(alpha=0.3)
plt.savefig("temperature.png", dpi=100)
