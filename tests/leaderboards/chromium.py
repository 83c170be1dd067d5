"""A headless Chromium, driven over its debugging protocol: pages opened, scripts run, pictures taken."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import aiohttp

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars"),
    "--remote-debugging-port=0",
)
_WAIT_S = 30.0


class Browser:
    """One tab.

    Args:
        profile: A new folder for the browser's files.
    """

    def __init__(self, profile: Path) -> None:
        self.console: list[str] = []
        self.asked: list[str] = []
        self._loop = asyncio.new_event_loop()
        program = shutil.which("chromium") or "chromium"
        self._process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        try:
            self._run(self._connect(_port(profile / "DevToolsActivePort")))
        except BaseException:
            self._process.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._session.close())
        self._process.terminate()
        self._process.wait(timeout=_WAIT_S)
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(work, _WAIT_S))

    async def _connect(self, port: str) -> None:
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as reply:
            tabs = await reply.json(content_type=None)
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        self._socket = await self._session.ws_connect(address, max_msg_size=0)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._send(f"{domain}.enable")

    async def _send(self, method: str, **given: Any) -> dict[str, Any]:
        self._number += 1
        mine = self._number
        await self._socket.send_json({"id": mine, "method": method, "params": given})
        while True:
            said = json.loads((await self._socket.receive()).data)
            if said.get("id") == mine:
                assert "error" not in said, said
                return said["result"]
            self._note(said)

    def _note(self, said: dict[str, Any]) -> None:
        """Keep what the page complains of and what it asks for."""
        kind, given = said.get("method"), said.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.console.append(str(given["exceptionDetails"]))
        elif kind == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.console.append(given["entry"]["text"])
        elif kind == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
            self.console.append(str(given["args"]))
        elif kind == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Send a command of the protocol."""
        return self._run(self._send(method, **given))

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        ends = time.monotonic() + _WAIT_S
        while not self.run(script):
            assert time.monotonic() < ends, f"not within {_WAIT_S} s: {script}"
            time.sleep(0.02)

    def open(self, address: str) -> float:
        """Open a page; seconds until it is loaded and its script has run."""
        self.call("Page.navigate", url="about:blank")
        self.until("document.readyState === 'complete' && location.href === 'about:blank'")
        started = time.monotonic()
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")
        self.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        return time.monotonic() - started

    def look(self, width: int, *, dark: bool = False, scripts: bool = True) -> None:
        """Set the window's width, its colors, and whether pages may run scripts."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        done = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(done["data"]))

    def press(self, key: str) -> None:
        """Press a key such as `Tab` or `Enter`."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        given = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **given)
        self.call("Input.dispatchKeyEvent", type="keyUp", **given)


def _port(said: Path) -> str:
    """The port at which the browser listens, once it says so."""
    ends = time.monotonic() + _WAIT_S
    while not (said.is_file() and "\n" in said.read_text()):
        assert time.monotonic() < ends, "Chromium did not start"
        time.sleep(0.05)
    return said.read_text().split("\n")[0]
