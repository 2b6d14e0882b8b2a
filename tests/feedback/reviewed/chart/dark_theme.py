import matplotlib.pyplot as plt
import numpy as np

plt.style.use("dark_background")

t = np.linspace(0, 4, 400)
fig, ax = plt.subplots(figsize=(7, 4))
fig.patch.set_facecolor("#1a1a2e")
ax.set_facecolor("#1a1a2e")

ax.plot(t, np.exp(-t) * np.cos(2 * np.pi * t), color="#e94560", label="Damped")
ax.plot(t, np.exp(-t), "--", color="#0f9b8e", label="Envelope")
ax.plot(t, -np.exp(-t), "--", color="#0f9b8e")

ax.set_title("Damped oscillation", color="#16213e", fontsize=14)
ax.set_xlabel("Time (s)", color="white")
ax.set_ylabel("Amplitude", color="#2a2a40")
ax.text(2.2, 0.6, r"$x(t) = e^{-t}\cos(2\pi t)$", fontsize=13)
ax.legend()
plt.tight_layout()
plt.show()
