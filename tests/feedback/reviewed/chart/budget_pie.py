import matplotlib.pyplot as plt

labels = ["Salaries", "Rent", "Cloud", "Travel", "Training", "Licences", "Insurance", "Other"]
sizes = [52, 18, 14, 2.5, 1.5, 1.2, 0.8, 10]
colors = ["#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#8ab17d", "#b5838d", "#cccccc"]

fig, ax = plt.subplots(figsize=(5, 5))
ax.pie(sizes, labels=labels, colors=colors, autopct="%1.1f%%", startangle=90)
ax.set_title("Budget 2024")
plt.savefig("budget.png")
