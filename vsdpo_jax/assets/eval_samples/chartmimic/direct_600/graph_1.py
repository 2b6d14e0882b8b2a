# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt
import networkx as nx

# ===================
# Part 2: Data Preparation
# ===================
roads = [("Mill", "Church"), ("Church", "Farm"), ("Farm", "Mill"), ("Farm", "Quay"), ("Quay", "Fort")]
positions = {"Mill": (0, 0), "Church": (1, 1), "Farm": (2, 0), "Quay": (3, 1), "Fort": (4, 0)}
title = "Roads of the Parish"

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
graph = nx.Graph(roads)
plt.figure(figsize=(5, 3))
nx.draw_networkx_nodes(graph, positions, node_color="#ffb703", node_size=900)
nx.draw_networkx_edges(graph, positions, edge_color="#023047", width=2)
nx.draw_networkx_labels(graph, positions, font_size=9)
plt.title(title)
plt.axis("off")

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("graph_1.pdf", bbox_inches="tight")
