"use strict";
// Links each defect with its boxes and its lines of code: pointing at one lights the others.
for (const rollout of document.querySelectorAll(".rollout")) {
  const parts = rollout.querySelectorAll("[data-defect], [data-defects]");
  const panel = rollout.querySelector(".written");
  const indicesOf = (part) => (part.dataset.defect ?? part.dataset.defects).split(" ").filter(Boolean);
  let pinned = null;

  const light = (source) => {
    const wanted = new Set(source ? indicesOf(source) : []);
    rollout.classList.toggle("dimmed", wanted.size > 0);
    for (const part of parts) {
      part.classList.toggle("lit", indicesOf(part).some((index) => wanted.has(index)));
    }
    if (source && !panel.contains(source)) showFirstLitLine();
  };
  const showFirstLitLine = () => {
    const line = panel.querySelector("li.lit");
    if (!line) return;
    const above = line.offsetTop < panel.scrollTop;
    const below = line.offsetTop + line.offsetHeight > panel.scrollTop + panel.clientHeight;
    if (above || below) panel.scrollTop = line.offsetTop - panel.clientHeight / 3;
  };
  const pin = (source) => {
    pinned = pinned === source ? null : source;
    for (const button of rollout.querySelectorAll("button[data-defect]")) {
      button.setAttribute("aria-pressed", String(button === pinned));
    }
    light(pinned ?? source);
  };

  for (const part of parts) {
    part.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && light(part));
    part.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && light(pinned));
    part.addEventListener("click", () => pin(part));
    // A listener for the focus would make a box reachable by Tab, where the button beside it already is.
    if (part instanceof SVGElement) continue;
    part.addEventListener("focus", () => light(part));
    part.addEventListener("blur", () => light(pinned));
  }
}

const reading = document.querySelector(".reading");
if (reading) {
  document.addEventListener("pointerover", (event) => {
    const token = event.target.closest?.(".code span[data-w]");
    if (!token) return;
    const divergence = token.dataset.k === undefined ? "" : `, KL ${token.dataset.k} nats`;
    reading.textContent = `weight ${token.dataset.w}${divergence}`;
  });
  for (const choice of document.querySelectorAll("input[name=heat]")) {
    const apply = () => choice.checked && (document.body.dataset.heat = choice.value);
    choice.addEventListener("change", apply);
    apply();
  }
}

// Reads a curve at the step under the pointer.
for (const chart of document.querySelectorAll(".chart")) {
  const mark = chart.querySelector(".pointer");
  if (!mark) continue;
  const svg = chart.querySelector("svg");
  const at = chart.querySelector(".at");
  const points = mark.dataset.points.split(";").map((point) => point.split(","));
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * svg.viewBox.baseVal.width;
    const distance = (point) => Math.abs(point[0] - x);
    const nearest = points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
    mark.classList.add("on");
    mark.querySelector("line").setAttribute("x1", nearest[0]);
    mark.querySelector("line").setAttribute("x2", nearest[0]);
    mark.querySelector("circle").setAttribute("cx", nearest[0]);
    mark.querySelector("circle").setAttribute("cy", nearest[1]);
    at.textContent = `${nearest[3]} at step ${nearest[2]}`;
  });
  svg.addEventListener("pointerleave", () => {
    mark.classList.remove("on");
    at.textContent = "";
  });
}
