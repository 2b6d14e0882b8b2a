"""Hostile pages: name -> (source, the statuses that are right). SLOW ones use up their time or their memory.

`{port}` is a port of this machine that nobody may call, by TCP or UDP.
"""

# Programs stand on one line each.
# ruff: noqa: E501

OK, TIMEOUT, DIED = ("ok",), ("timeout",), ("died", "oom")
ANY = OK + TIMEOUT + DIED


def script(text: str) -> str:
    """A page with a script."""
    return f"<!doctype html><p>page</p><script>{text}</script>"


NETWORK = """<!doctype html><link rel=dns-prefetch href=//127.0.0.1:{port}><link rel=preconnect href=http://127.0.0.1:{port}>
<link rel=stylesheet href=http://127.0.0.1:{port}/a><link rel=icon href=http://127.0.0.1:{port}/b>
<link rel=prefetch href=http://127.0.0.1:{port}/c><link rel=manifest href=http://127.0.0.1:{port}/d>
<style>@import url(http://127.0.0.1:{port}/e); @font-face { font-family: f; src: url(http://127.0.0.1:{port}/f) }
p { font-family: f; background: url(http://127.0.0.1:{port}/g); cursor: url(http://127.0.0.1:{port}/h), auto }</style>
<p>words</p><img src=http://127.0.0.1:{port}/i srcset="http://127.0.0.1:{port}/j 2x">
<video poster=http://127.0.0.1:{port}/k src=http://127.0.0.1:{port}/l autoplay></video>
<object data=http://127.0.0.1:{port}/m></object><embed src=http://127.0.0.1:{port}/n>
<iframe src=http://127.0.0.1:{port}/o></iframe><svg><image href=http://127.0.0.1:{port}/p width=9 height=9 /></svg>
<form id=f action=http://127.0.0.1:{port}/q method=post><input name=a value=b></form>
"""
CALLS = """<!doctype html><p>words</p><a id=a ping=http://127.0.0.1:{port}/p href=#x>x</a><script>
const place = '127.0.0.1:{port}', quietly = f => { try { f() } catch (error) {} };
quietly(() => fetch('http://' + place + '/1').catch(() => 0));
quietly(() => { const x = new XMLHttpRequest(); x.open('GET', 'http://' + place + '/2', false); x.send() });
quietly(() => navigator.sendBeacon('http://' + place + '/3', 'x'));
quietly(() => new WebSocket('ws://' + place + '/4'));
quietly(() => new EventSource('http://' + place + '/5'));
quietly(() => new WebTransport('https://' + place + '/6'));
quietly(() => import('http://' + place + '/7').catch(() => 0));
quietly(() => { new Image().src = 'http://' + place + '/8' });
quietly(() => new Worker('http://' + place + '/9'));
quietly(() => open('http://' + place + '/10'));
quietly(() => document.getElementById('a').click());
quietly(() => { const p = new RTCPeerConnection({iceServers: [{urls: 'stun:' + place}]}); p.createDataChannel('x');
  p.createOffer().then(o => p.setLocalDescription(o)) });
</script>"""

FAST = {
    # Ways out.
    "addresses in markup": (NETWORK, OK),
    "calls from a script": (CALLS, ANY),
    "a form that sends itself": (NETWORK + "<script>document.getElementById('f').submit()</script>", ANY),
    "another page": (script("location = 'http://127.0.0.1:{port}/'"), ANY),
    "a refresh": ("<meta http-equiv=refresh content='0;http://127.0.0.1:{port}/'><p>x", ANY),
    "files in markup": (
        "<p>x<iframe src=file:///etc/passwd></iframe><img src=file:///etc/passwd><object data=file:///etc/passwd></object>"
        "<link rel=stylesheet href=file:///etc/passwd><embed src=file:///proc/self/environ>",
        OK,
    ),
    "files in a script": (
        script("fetch('file:///etc/passwd').then(r => r.text()).then(t => document.body.append(t), () => 0);"
               "location = 'file:///etc/passwd'"),
        ANY,
    ),
    "pages of the browser": (script("for (const p of ['crash', 'kill', 'quit', 'gpucrash']) location = 'chrome://' + p"), ANY),
    # What a person would be asked, or get.
    "dialogs": (script("alert(1); confirm(2); prompt(3); print(); onbeforeunload = e => e.preventDefault()"), OK),
    "popups": (script("for (let i = 0; i < 50; i++) open('about:blank'); document.body.append('done')"), ANY),
    "downloads": (
        script("for (const h of ['data:application/zip,x', URL.createObjectURL(new Blob(['x']))]) {"
               "const a = document.createElement('a'); a.href = h; a.download = 'x.zip'; a.click() }"),
        ANY,
    ),
    "rights": (
        script("navigator.geolocation.getCurrentPosition(() => 0); document.body.requestFullscreen?.().catch(() => 0);"
               "Notification.requestPermission?.(); navigator.clipboard?.readText().catch(() => 0);"
               "navigator.mediaDevices?.getUserMedia({video: true}).catch(() => 0)"),
        ANY,
    ),
    # Workers of the page's own.
    "workers": (
        script("const u = URL.createObjectURL(new Blob(['for(;;);'])); const quietly = f => { try { f() } catch (e) {} };"
               "quietly(() => new Worker(u)); quietly(() => new SharedWorker(u));"
               "quietly(() => navigator.serviceWorker.register(u).catch(() => 0))"),
        OK,
    ),
    # Forged marks, for whoever reads the page.
    "marks of another": ("<p data-vs=99999999>a<b data-vs=-1>b<i data-vs=x>c<u data-vs=''>d<p data-vs=0 data-vs=1>e", OK),
    "a broken document": (
        script("Object.defineProperty(Node.prototype, 'textContent', {get() { for (;;); }});"
               "Element.prototype.getBoundingClientRect = () => ({}); document.title = 'x'"),
        OK,
    ),
    "no document": (script("document.documentElement.remove()"), ANY),
    "a document written anew": (script("document.open(); document.write('<p>new'); document.close()"), ANY),
    "null bytes and surrogates": ("<p>a\0b\ud800c</p>", OK),
    "nothing": ("", OK),
    # Too large.
    "a wide page": ("<div style='width:9999999px;height:50px;background:red'>wide</div>", OK),
    "a tall page": ("<div style='height:99999999px'>tall</div><p>end", OK),
    "a large picture of vectors": (
        "<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='100000' height='100000'>"
        "<rect width='99999' height='99999'/></svg>\"><p>x", OK,
    ),
    "text without end": ("<p>" + "word " * 200_000, OK),
    "deep nesting": ("<div>" * 20_000 + "deep", OK),
    "frames in frames": ("<iframe srcdoc=\"<iframe srcdoc='<iframe srcdoc=x>'>\"></iframe>" * 50, OK),
}  # fmt: skip

SLOW = {
    # Without end.
    "a loop": (script("for (;;);"), TIMEOUT),
    "a loop of promises": (script("(function f() { Promise.resolve().then(f) })()"), TIMEOUT),
    "a loop of dialogs": (script("for (;;) alert(1)"), TIMEOUT),
    "a loop of messages": (script("onmessage = () => postMessage(0, '*'); postMessage(0, '*'); for (;;) postMessage(0, '*')"),
                           TIMEOUT + DIED),
    "a loop in a handler": ("<p>x</p><img src=x onerror='for (;;);'><script></script>", TIMEOUT),
    "a regular expression": (script("/(a+)+b/.test('a'.repeat(99))"), TIMEOUT),
    "a page that loads itself": (script("location.reload()"), ANY),
    "a history without end": (script("for (let i = 0; ; i++) history.pushState(0, '', '#' + i)"), ANY),
    "popups without end": (script("for (;;) open('about:blank')"), TIMEOUT),
    "a recursion": (script("function f() { try { f() } finally { f() } } f()"), TIMEOUT),
    "writing without end": (script("for (;;) document.write('<p>x')"), TIMEOUT + DIED),
    # Memory.
    "a list without end": (script("let a = [1]; for (;;) a = a.concat(a, a)"), ANY),
    "strings without end": (script("const k = []; for (let i = 0; ; i++) k.push('x'.repeat(1 << 24) + i)"), ANY),
    "buffers without end": (script("const k = []; for (;;) k.push(new Uint8Array(1 << 28).fill(1))"), ANY),
    "memory of another machine": (
        script("const k = []; for (;;) try { k.push(new WebAssembly.Memory({initial: 30000})) } catch (e) { for (;;); }"), ANY),
    "nodes without end": (script("for (;;) document.body.append(document.createElement('p'))"), TIMEOUT + DIED),
    "two million nodes": (script("document.body.innerHTML = '<i>x</i>'.repeat(2e6)"), ANY),
    "large canvases": (
        script("for (let i = 0; i < 40; i++) { const c = document.createElement('canvas'); c.width = c.height = 16384;"
               "c.getContext('2d').fillRect(0, 0, 9e4, 9e4); document.body.append(c) }"), ANY),
    "a hundred thousand tags": ("<i>x</i>" * 100_000, ANY),
    # Work for the one who draws.
    "filters": ("".join("<div style='filter:blur(200px);width:5000px;height:5000px;background:red'>" for _ in range(60)), ANY),
    "shadows": ("<p style='box-shadow:" + ",".join(["0 0 900px 900px red"] * 2000) + "'>x" * 20, ANY),
    "a drawing of a drawing": (
        "<svg><defs><g id=a><rect width=9 height=9 /></g>"
        + "".join(f"<g id={b}>" + f"<use href=#{a} />" * 10 + "</g>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "</defs><use href=#i /></svg>", ANY),
    "variables of variables": (
        "<style>p { --a: xxxxxxxxxx;" + "".join(f"--{b}: {f'var(--{a}) ' * 10};" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "} p::before { content: var(--i) }</style><p>x", ANY),
    "selectors": ("<style>" + "".join(f":has(:not(:is(.a{i} ~ *)) * * * *) b {{ top: {i}px }}" for i in range(2000))
                  + "</style>" + "<div><b>x</b></div>" * 2000, ANY),
    "tables in tables": ("<table><tr><td>" * 400 + "x", ANY),
    "columns in columns": ("<div style='columns:3'>" * 200 + "x " * 2000, ANY),
    "pictures without end": (
        "".join(f"<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='8000' height='8000'>"
                f"<filter id='f'><feTurbulence baseFrequency='0.{i}' numOctaves='9'/></filter>"
                f"<rect width='8000' height='8000' filter='url(%23f)'/></svg>\">" for i in range(1, 9)), ANY),
    "movement without end": (
        "<style>@keyframes k { to { transform: rotate(1turn) } } b { display: block; filter: blur(9px); animation: k 1s infinite }"
        "</style>" + "<b>x</b>" * 3000, ANY),
}  # fmt: skip
