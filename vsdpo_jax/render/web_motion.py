"""Brings a page to rest before its picture is taken: animations, transitions, moving pictures, the caret, timers.

A person who looks at a page sees what its movements lead to, so what has an end is shown at its end; what goes on
forever is shown as it begins; the words of a `<marquee>` stand where they would without it, because it begins empty.
Only pages whose source mentions something that moves are asked.
"""

from __future__ import annotations

import contextlib
import re

from playwright.async_api import CDPSession, Error

from vsdpo_jax.render.measures import evaluate

_MOVES = re.compile(
    r"animation|transition|@keyframes|<animate|<set\b|\.animate\(|autofocus|<progress|\.focus\(|marquee", re.I
)
# Drawings keep time by themselves; after an hour what has an end is over, and most of what repeats is at its beginning.
_REST = """(() => {
  document.documentElement.style.caretColor = 'transparent';
  for (const svg of document.querySelectorAll('svg'))
    try { svg.pauseAnimations(); svg.setCurrentTime(3600); } catch (error) {}
  for (const bar of document.querySelectorAll('progress:not([value])')) { bar.value = 0; }
  // Scripts cannot take back its movement, but a new one that is stopped at once has not moved.
  for (const line of document.querySelectorAll('marquee')) {
    const still = line.cloneNode();
    still.append(...line.childNodes);
    line.replaceWith(still);
    still.stop();
  }
  for (let round = 0; round < 3; round++)
    for (const animation of document.getAnimations()) {
      try { Number.isFinite(animation.effect.getComputedTiming().endTime) ? animation.finish() : animation.cancel(); }
      catch (error) { animation.cancel(); }
    }
})()"""

# Before the scripts of a page. Afterwards two frames pass, in which the browser tells observers what has changed.
TIMERS = """(() => {
  const queue = new Map(), frame = requestAnimationFrame, channel = new MessageChannel();
  let clock = 0, last = 0;
  const add = (call, wait, every, values) => {
    queue.set(++last, {at: clock + Math.max(1, Number(wait) || 0), order: last, every, run: () => {
      typeof call === 'function' ? call(...values()) : (0, eval)(String(call));
    }});
    return last;
  };
  const drop = number => { queue.delete(number); };
  globalThis.setTimeout = (call, wait, ...rest) => add(call, wait, 0, () => rest);
  globalThis.setInterval = (call, wait, ...rest) => add(call, wait, Math.max(4, Number(wait) || 0), () => rest);
  globalThis.requestAnimationFrame = call => add(call, 16 - clock % 16, 0, () => [clock]);
  globalThis.requestIdleCallback = call => add(call, 50, 0, () => [{didTimeout: false, timeRemaining: () => 10}]);
  globalThis.clearTimeout = globalThis.clearInterval = globalThis.cancelAnimationFrame = drop;
  globalThis.cancelIdleCallback = drop;
  const turn = () => new Promise(done => { channel.port1.onmessage = done; channel.port2.postMessage(0); });
  const run = async () => {
    for (let count = 0; count < 5000 && queue.size; count++) {
      let [number, next] = [0, {at: Infinity}];
      for (const [other, timer] of queue)
        if (timer.at < next.at || timer.at === next.at && timer.order < next.order) [number, next] = [other, timer];
      if (next.at > 1000) break;
      clock = next.at;
      if (next.every) { next.at += next.every; next.order = ++last; } else queue.delete(number);
      try { next.run(); } catch (error) { reportError(error); }
      await turn();
    }
    for (let count = 0; count < 2; count++) await new Promise(done => frame(done));
  };
  Object.defineProperty(globalThis, '__timers', {value: run});
})()"""


def moves(source: str) -> bool:
    """Whether something on a page may move."""
    return _MOVES.search(source) is not None


async def come_to_rest(session: CDPSession) -> None:
    """Ends all movements of the page that is shown."""
    await evaluate(session, _REST)


async def run_timers(session: CDPSession) -> None:
    """Runs the timers of a page with scripts, as far as they come in the first moments, in the order of their times.

    The page keeps them in a queue (`TIMERS`), so that the speed of the machine decides nothing.
    """
    # A page that goes elsewhere takes its queue with it.
    with contextlib.suppress(Error):
        await session.send("Runtime.evaluate", {"expression": "__timers()", "awaitPromise": True})
