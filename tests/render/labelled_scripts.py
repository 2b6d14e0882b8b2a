"""HTML pages whose scripts make what they show, with marks (see `labelled`) for what each line is responsible for."""

# A mark stands behind its line, which makes some lines long.
# ruff: noqa: E501

SCRIPTED_PAGES = {
    "a list made by a script": """
<ul id="l"></ul>  #> ul
<script>
const list = document.getElementById("l");
for (const word of ["ant", "bee"]) {
  const item = document.createElement("li");  #> li
  item.textContent = word;  #> =ant; =bee
  list.appendChild(item);
}
</script>
""",
    "markup from a script": """
<div id="r"></div>
<script>
document.getElementById("r").innerHTML =  #> h3; p; =Made; =by hand
  "<h3>Made</h3><p>by hand</p>";
</script>
""",
    "a template of a script": """
<main id="m"></main>  #> main
<script>
const rows = [{name: "x", n: 1}, {name: "y", n: 2}];
const view = rows.map(row => `<section><b>${row.name}</b></section>`).join("");
function show() {
  document.querySelector("#m").innerHTML = view;  #> section; b; =x; =y
}
show();
</script>
""",
    "a text changed by a script": """
<h1 id="t">before</h1>  #> h1
<p>stays</p>  #> p; =stays
<script>
document.getElementById("t").textContent = "after";  #> =after
</script>
""",
    "a table from a script": """
<table id="t" border="1"></table>  #> table
<script>
function cell(row, value) {
  const td = row.insertCell();  #> td
  td.append(String(value));  #> =1; =2; =3; =4
}
const table = document.getElementById("t");
for (const values of [[1, 2], [3, 4]]) {
  const row = table.insertRow();  #> tr
  values.forEach(value => cell(row, value));
}
</script>
""",
    "a class in a script": """
<div id="app"></div>
<script>
class Card {
  constructor(title) { this.title = title; }
  draw() {
    const box = document.createElement("article");  #> article
    box.append(this.title);  #> =left; =right
    return box;
  }
}
document.getElementById("app").append(new Card("left").draw(), new Card("right").draw());
</script>
""",
    "adjacent markup from a script": """
<p id="p">kept</p>  #> =kept
<script>
const p = document.getElementById("p")
p.insertAdjacentHTML("afterend", "<h2>behind</h2>")  #> h2; =behind
p.insertAdjacentHTML("beforebegin", "<h4>in front</h4>")  #> h4; =in front
</script>
""",
    "a cloned node": """
<template id="t"><li>copy</li></template>  #> li; =copy
<ol id="o"></ol>  #> ol
<script>
const t = document.getElementById("t");
document.getElementById("o").append(t.content.cloneNode(true));
</script>
""",
    "a drawing from a script": """
<svg id="s" width="200" height="60"></svg>  #> svg
<script>
const space = "http://www.w3.org/2000/svg";
[10, 30, 50].forEach((height, i) => {
  const bar = document.createElementNS(space, "rect");  #> rect
  bar.setAttribute("x", 30 * i); bar.setAttribute("width", 20); bar.setAttribute("height", height);
  document.getElementById("s").appendChild(bar);
});
</script>
""",
    "scripts that read": """
<p>12</p>  #> =12
<p>30</p>  #> =30
<h2 id="sum"></h2>  #> h2
<script>
let total = 0;
document.querySelectorAll("p").forEach(p => { total += Number(p.textContent); });
document.getElementById("sum").append(total);  #> =42
</script>
""",
    "a script with a closure": """
<section id="root"></section>  #> section
<script>
const maker = tag => text => {
  const node = document.createElement(tag);  #> em; strong
  node.append(text);  #> =soft; =loud
  root.append(node);
};
const em = maker("em"), strong = maker("strong");
em("soft");
strong("loud");
</script>
""",
    "a script before the body": """
<head><script>
addEventListener("DOMContentLoaded", () => {
  const h = document.createElement("h1");  #> h1
  h.innerText = "late";  #> =late
  document.body.prepend(h);
});
</script></head><body>
<p>early</p>  #> p; =early
</body>
""",
    "a counter": """
<output id="o">0</output>  #> output
<button onclick="o.textContent++">add</button>  #> button; =add
<script>
for (let i = 0; i < 3; i++) document.querySelector("button").click();  #> =3
</script>
""",
    "two scripts": """
<ul></ul>  #> ul
<script>
function put(word) {
  document.querySelector("ul").insertAdjacentHTML("beforeend", "<li>" + word + "</li>");  #> li; =first; =second
}
put("first");
</script>
<script>put("second");</script>
""",
}
