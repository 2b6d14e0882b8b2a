"""Takes chance and the clock out of a program, so that the same source gives the same bytes on every worker.

Random numbers come from fixed seeds even where the program asks for fresh ones, and the clock starts at the same
moment in every job and moves on by a millisecond with every look at it.
"""

from __future__ import annotations

import datetime
import os
import random
import re
import time
from typing import Any

import numpy as np

START = 1_767_225_600.0  # 2026-01-01 00:00 UTC
STEP = 0.001
_TELLS_TIME = re.compile(r"\b(time|now|utcnow|today|time_ns|localtime|gmtime|ctime|strftime|asctime)\s*\(")
_default_rng = np.random.default_rng
_seed = random.Random.seed


def fix(source: str) -> None:
    """Fixes the seeds of this process, and its clock if `source` may look at it. Call in the job, first of all."""
    stream = random.Random(0)
    os.urandom = random._urandom = stream.randbytes
    random.Random.seed = lambda self, a=None, version=2: _seed(self, 0 if a is None else a, version)
    random.seed = random._inst.seed
    random.seed(0)
    np.random.seed(0)
    np.random.default_rng = lambda seed=None: _default_rng(0 if seed is None else seed)
    # Replacing the classes of `datetime` is not wholly invisible (pickling, `type(x) is`), so only where it matters.
    if _TELLS_TIME.search(source):
        _fix_clock()


def _fix_clock() -> None:
    looks = [0]

    def now() -> float:
        looks[0] += 1
        return START + STEP * (looks[0] - 1)

    def at(original: Any, place: int = 0) -> Any:
        """The function with the fixed moment where its optional argument at `place` is missing."""

        def told(*arguments: Any) -> Any:
            if len(arguments) > place:
                return original(*arguments)
            moment = now() if original in (_localtime, _gmtime, _ctime) else _localtime(now())
            return original(*arguments, moment)

        return told

    _localtime, _gmtime, _ctime = time.localtime, time.gmtime, time.ctime
    time.localtime, time.gmtime, time.ctime = at(_localtime), at(_gmtime), at(_ctime)
    time.strftime, time.asctime = at(time.strftime, 1), at(time.asctime)
    time.time, time.time_ns = now, lambda: round(now() * 1e9)
    _fix_dates(now)


def _fix_dates(now: Any) -> None:
    real, date = datetime.datetime, datetime.date

    class Facade(type):
        """Stands for a class of `datetime`, whose objects stay what they are."""

        def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
            return cls.__base__(*arguments, **keywords)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, cls.__base__)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, cls.__base__)

    class FixedDatetime(real, metaclass=Facade):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return real.fromtimestamp(now(), tz)

        @classmethod
        def utcnow(cls) -> datetime.datetime:
            return real.fromtimestamp(now(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> datetime.datetime:
            return cls.now()

    class FixedDate(date, metaclass=Facade):
        @classmethod
        def today(cls) -> datetime.date:
            return date.fromtimestamp(now())

    datetime.datetime, datetime.date = FixedDatetime, FixedDate
