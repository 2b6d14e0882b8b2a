"""HTML pages of many styles, with marks (see `labelled`) for what each line is responsible for."""

# A mark stands behind its line, which makes some lines long.
# ruff: noqa: E501

CARDS = """<!doctype html><html><head><style>
body { font-family: Arial; margin: 20px }
.row { display: flex; gap: 12px }
.card { background: #eef; padding: 10px; width: 200px }
</style></head><body>
"""

PAGES = {
    "headings": """
<h1>Top</h1>  #> h1; =Top
<h2>Middle</h2>  #> h2; =Middle
<p>Words with <b>strong</b> ones</p>  #> p; b; =Words with; =strong; =ones
""",
    "cards": CARDS
    + """
<div class="row">
<div class="card"><h3>One</h3></div>  #> h3; =One
<div class="card">
<h4>Two</h4>  #> h4; =Two
<p>text</p>  #> p; =text
</div>
</div>
""",
    "a list": """
<ul>  #> ul
<li>first</li>  #> =first
<li>second</li>  #> =second
<li>third <em>one</em></li>  #> =third; em; =one
</ul>
""",
    "open list items": """
<ol>  #> ol
<li>never closed  #> =never closed
<li>neither  #> =neither
</ol>
<p>after  #> p; =after
<h5>head</h5>  #> h5; =head
""",
    "a table": """
<table border="1">  #> table
<tr><th>Name</th><th>Age</th></tr>  #> =Name; =Age; th
<tr><td>Ada</td>  #> =Ada
<td>36</td></tr>  #> =36
</table>
""",
    "a table without closing tags": """
<table>  #> table
<tr><td>a<td>b  #> =a; =b
<tr><td>c<td>d  #> =c; =d
</table>
""",
    "a table with all parts": """
<table>
<caption>Prices</caption>  #> caption; =Prices
<thead>  #> thead
<tr><th>what</th></tr>  #> =what
</thead>
<tbody>  #> tbody
<tr><td>tea</td></tr>  #> =tea
</tbody>
<tfoot>  #> tfoot
<tr><td>sum</td></tr>  #> =sum
</tfoot>
</table>
""",
    "nested blocks": """
<main>  #> main
<section>  #> section
<article>  #> article
<header>Head</header>  #> header; =Head
<footer>Foot</footer>  #> footer; =Foot
</article>
</section>
</main>
""",
    "inline styles": """
<div style="color: red; font-size: 20px">red</div>  #> =red
<span style="background: yellow">marked</span>  #> span; =marked
<p style="position: absolute; left: 300px; top: 200px">placed</p>  #> p; =placed
""",
    "a grid": """
<style>.g { display: grid; grid-template-columns: 1fr 2fr; gap: 8px } .g > * { border: 1px solid }</style>
<div class="g">
<aside>side</aside>  #> aside; =side
<main>main part</main>  #> main; =main part
<footer>low</footer>  #> footer; =low
</div>
""",
    "a vector drawing": """
<svg width="200" height="100">  #> svg
<rect x="10" y="10" width="50" height="30" fill="teal"/>  #> rect
<circle cx="120" cy="50" r="20"/>  #> circle
<text x="20" y="80">drawn</text>  #> text; =drawn
</svg>
""",
    "a vector group": """
<svg viewBox="0 0 100 100" width="200">  #> svg
<g fill="navy">
<path d="M10 10 L60 10 L60 60 Z"/>  #> path
<line x1="0" y1="90" x2="100" y2="90" stroke="black"/>  #> line
</g>
</svg>
""",
    "a form": """
<form>  #> form
<label>Name</label>  #> label; =Name
<input value="Ada">  #> input
<button>Send</button>  #> button; =Send
<textarea>long</textarea>  #> textarea
</form>
""",
    "navigation": """
<nav>  #> nav
<a href="#">Home</a>  #> =Home
<a href="#">Prices</a>  #> =Prices
</nav>
<hr>  #> hr
""",
    "a quote": """
<blockquote>  #> blockquote
<p>Said once</p>  #> p; =Said once
<cite>somebody</cite>  #> cite; =somebody
</blockquote>
<pre>kept   as it is</pre>  #> pre
<code>x = 1</code>  #> code; =x = 1
""",
    "definitions": """
<dl>  #> dl
<dt>word  #> =word
<dd>meaning  #> =meaning
<dt>other</dt>  #> =other
<dd>sense</dd>  #> =sense
</dl>
""",
    "a picture": """
<figure>  #> figure
<img alt="" width="40" height="40" src="data:image/gif;base64,R0lGODlhAQABAIAAAP8AAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==">  #> img
<figcaption>a dot</figcaption>  #> figcaption; =a dot
</figure>
""",
    "hidden things": """
<p style="display:none">gone</p>
<p style="visibility:hidden">unseen</p>
<p>seen</p>  #> p; =seen
<div hidden>also gone</div>
""",
    "entities": """
<p>fish &amp; chips</p>  #> =fish & chips
<p>5 &lt; 6</p>  #> =5 < 6
<h2>caf&eacute;</h2>  #> h2; =café
""",
    "comments and odd markup": """
<!-- <p>not here</p> -->
<P CLASS=big>upper case</P>  #> p; =upper case
<div data-x='a > b'>quoted</div>  #> =quoted
<br/><span>after a break</span>  #> span; =after a break
""",
    "words of other scripts": """
<h1>東京</h1>  #> h1; =東京
<p>Привет</p>  #> =Привет
<p dir="rtl">שלום</p>  #> =שלום
""",
    "misnested": """
<p><b>bold <i>both</b> italic</i></p>  #> =bold; =both; =italic
<div>after</div>  #> =after
""",
    "a document without tags around it": """
just text
<b>and bold</b>  #> b; =and bold
""",
    "content from the style": """
<style>
.new::before { content: "NEW"; color: red }  #> =NEW
.more::after { content: " more" }  #> =more
</style>
<p class="new">thing</p>  #> =thing
<h2 class="more">some</h2>  #> h2; =some
""",
    "a page of columns": """
<style>.c { columns: 2; width: 400px }</style>
<div class="c">
<p>A first paragraph that is long enough for a line break or two in here.</p>  #> =A first paragraph that is long enough for a line break or two in here.
<p>short</p>  #> =short
</div>
""",
    "positions": """
<style>.b { position: absolute; width: 80px; height: 40px; background: #cde }</style>
<div class="b" style="left:10px;top:100px">one</div>  #> =one
<div class="b" style="left:110px;top:100px">two</div>  #> =two
<div class="b" style="left:210px;top:100px"><i>three</i></div>  #> i; =three
""",
    "a hero": CARDS
    + """
<header style="background:#134;color:#fff;padding:60px">  #> header
<h1>Sail away</h1>  #> h1; =Sail away
<p>Every day at nine</p>  #> p; =Every day at nine
<button>Book</button>  #> button; =Book
</header>
""",
    "prices": CARDS
    + """
<div class="row">
<section class="card"><h2>Basic</h2>  #> =Basic
<strong>9</strong></section>  #> =9
<section class="card"><h2>Plus</h2>  #> =Plus
<strong>19</strong></section>  #> =19
</div>
""",
    "a weather card": CARDS
    + """
<section class="card">  #> section
<h2>Oslo</h2>  #> h2; =Oslo
<span>12°</span>  #> =12°
<span>rain</span>  #> =rain
</section>
""",
    "breadcrumbs": """
<nav><a>Home</a> › <a>Shop</a> › <b>Lamps</b></nav>  #> nav; a; b; =Home; =Shop; =Lamps
<h1>Lamps for tables</h1>  #> h1; =Lamps for tables
""",
    "details": """
<details open>  #> details
<summary>More</summary>  #> summary; =More
<p>inside</p>  #> p; =inside
</details>
""",
    "small parts": """
<p>H<sub>2</sub>O</p>  #> sub; =H; =2; =O
<h3>x<sup>n</sup></h3>  #> h3; sup; =x; =n
<kbd>Esc</kbd>  #> kbd; =Esc
<small>fine print</small>  #> small; =fine print
<mark>lit</mark>  #> mark; =lit
""",
    "a progress bar": """
<style>.bar { width: 200px; background: #ddd } .fill { background: teal; height: 12px }</style>
<h2>Progress</h2>  #> h2; =Progress
<section class="bar">  #> section
<article class="fill" style="width:70%"></article>  #> article
</section>
""",
    "a chat": CARDS
    + """
<article>Hello there</article>  #> =Hello there
<article style="text-align:right">General greeting</article>  #> =General greeting
<footer><input placeholder="write"></footer>  #> footer; input
""",
    "a gallery": """
<style>figure { display: inline-block; width: 90px; height: 60px; background: #bcd; margin: 4px }</style>
<figure>a</figure>  #> =a
<figure>b</figure>  #> =b
<figure><figcaption>c</figcaption></figure>  #> figcaption; =c
""",
    "a slide": """
<h1 style="font-size:60px">Results</h1>  #> h1; =Results
<ul style="font-size:32px">  #> ul
<li>Up by a third</li>  #> =Up by a third
<li>Costs flat</li>  #> =Costs flat
</ul>
""",
    "a component in a component": """
<style>.o { border: 1px solid; padding: 8px } .i { background: #efe }</style>
<section class="o">  #> section
<header class="i"><h3>inner head</h3></header>  #> header; h3; =inner head
<article class="o"><h4>deeper</h4></article>  #> article; h4; =deeper
</section>
""",
    "long lines": """
<div><h2>A</h2><p>b</p></div><div><h3>C</h3><p>d</p></div>  #> h2; h3; =A; =b; =C; =d
<p>A paragraph that is written on several lines  #> =A paragraph that is written on several lines of the source, as people do.
of the source, as people do.</p>
""",
    "fixed and sticky": """
<nav style="position:fixed;top:0;left:0;right:0;background:#fff">  #> nav
<b>Brand</b>  #> b; =Brand
</nav>
<main style="margin-top:60px">  #> main
<h1>Below</h1>  #> h1; =Below
</main>
""",
    "overflow": """
<section style="width:100px;overflow:hidden;white-space:nowrap">  #> section
<span>a text that is cut at the edge</span>  #> span; =a text that is cut at the edge
</section>
""",
    "media rules": """
<style>
@media (min-width: 600px) { .w { color: navy } }
@media (max-width: 599px) { .w { display: none } }
</style>
<p class="w">wide only</p>  #> p; =wide only
""",
    "variables": """
<style>:root { --ink: #123 } h1 { color: var(--ink) }</style>
<h1>Inked</h1>  #> h1; =Inked
<section><p>plain</p></section>  #> section; p; =plain
""",
    "a select": """
<label for="s">Size</label>  #> label; =Size
<select id="s"><option>S<option>M</select>  #> select
<fieldset>  #> fieldset
<legend>Box</legend>  #> legend; =Box
</fieldset>
""",
    "an unclosed bold": """
<section><b>bold goes on</section>  #> section; =bold goes on
<p>here as well</p>  #> =here as well
""",
    "a timeline": """
<ol>  #> ol
<li><time>1999</time> begun</li>  #> time; =1999; =begun
</ol>
<p>and so on</p>  #> p; =and so on
""",
    "a footer of columns": CARDS
    + """
<footer class="row">  #> footer
<section><h4>Help</h4></section>  #> h4; =Help
<address>Street 1</address>  #> address; =Street 1
</footer>
""",
    "a gradient badge": """
<style>.b { background: linear-gradient(90deg, #f06, #60f); color: #fff; padding: 4px 10px; border-radius: 9px }</style>
<span class="b">beta</span>  #> span; =beta
<h1>Product</h1>  #> h1; =Product
""",
}
