"""The event loop that runs are asked in: signals stop it gently, and a notebook may have its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

_GRACE_S = 5.0
"""How long answers in flight are waited for after the first Ctrl-C."""


@contextlib.contextmanager
def stoppable(stops: Sequence[asyncio.Event]) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM set the events, a second one or a few seconds cancel the task.

    Args:
        stops: Set to ask nothing more.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if threading.current_thread() is not threading.main_thread() or task is None:
        yield
        return
    told = False

    def stop() -> None:
        nonlocal told
        if told:
            task.cancel()
            return
        told = True
        for event in stops:
            event.set()
        loop.call_later(_GRACE_S, task.cancel)

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        with contextlib.suppress(NotImplementedError):  # not on Windows
            loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def in_loop(work: Callable[[], object]) -> None:
    """Run a coroutine to its end, also from inside a notebook, which has a loop running."""

    def run() -> None:
        try:
            asyncio.run(work())  # type: ignore[arg-type]
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run()
        return
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            failures.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
