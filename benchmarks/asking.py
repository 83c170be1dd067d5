"""Time whole runs, process start to finished report, beside a bare client of the openai package.

    python benchmarks/asking.py [--items 10000] [--runs 3] [--latency-ms 0]

Starts the stub server on one core and each client on another, in turn; prints the median of wall
seconds, answers per second, peak memory and the ratio to the bare client measured in the same go.
Inspect takes part when it is installed in this environment.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
BARE = """
import asyncio, sys
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient
async def main(base, n, transport):
    http = (DefaultAioHttpClient if transport == "aiohttp" else DefaultAsyncHttpxClient)()
    client = AsyncOpenAI(base_url=base, api_key="none", http_client=http)
    todo = iter(range(n))
    async def worker():
        for i in todo:
            await client.chat.completions.create(model="stub", max_tokens=16, temperature=0,
                messages=[{"role": "user", "content": f"What is {i} + {i * 7}?"}])
    await asyncio.gather(*(worker() for _ in range(64)))
    await client.close()
asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
"""
INSPECT = """
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match
@task
def sums(n: int):
    rows = [Sample(input=f"What is {i} + {i * 7}?", target=str(8 * i)) for i in range(n)]
    return Task(dataset=MemoryDataset(rows), scorer=match(numeric=True))
"""


def port() -> int:
    """A free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core: int, command: list[str]) -> list[str]:
    """The command on one core, where the system can pin."""
    can = shutil.which("taskset") and (os.cpu_count() or 1) > 1
    return ["taskset", "-c", str(core), *command] if can else command


def measure(command: list[str], environment: dict[str, str], cwd: str) -> tuple[float, float]:
    """Wall seconds and peak memory in MB of a whole process."""
    started = time.perf_counter()
    process = subprocess.Popen(
        pinned(1, command),
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{errors.decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024


def clients(base: str, n: int, folder: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Name -> command and environment of everything that takes part."""
    # Half as many problems as items: every problem is asked in two wordings.
    suite = folder / "short.yaml"
    text = (HERE / "short.yaml").read_text()
    suite.write_text(text.replace("{longer: 100000, carry: 1000}", f"{{longer: {n // 2}}}"))
    shutil.copytree(HERE / "prompts", folder / "prompts", dirs_exist_ok=True)
    environment = {
        "OPENAI_BASE_URL": base,
        "OPENAI_API_KEY": "none",
        "VLLM_BASE_URL": base,
        "OPENAI_API_BASE_URL": base,
    }
    found: dict[str, tuple[list[str], dict[str, str]]] = {}
    for transport in ("httpx", "aiohttp"):
        found[f"bare openai client, {transport}"] = (
            [sys.executable, "-c", BARE, base, str(n), transport],
            {},
        )
    run = [sys.executable, "-m", "modelmetry.cli", "run", str(suite), "--max-connections", "64"]
    for spec in ("vllm/stub", "openai-api/stub", "openai/stub", "reference/oracle"):
        logs = str(folder / spec.replace("/", "-"))
        found[f"modelmetry {spec}"] = ([*run, "--model", spec, "--log-dir", logs], environment)
    if importlib.util.find_spec("inspect_ai"):
        (folder / "sums.py").write_text(INSPECT)
        options = f"-T n={n} --model openai-api/stub/stub --max-connections 64 --max-tokens 16"
        quiet = f"--temperature 0 --display none --log-dir {folder / 'inspect'}"
        task = [sys.executable, "-m", "inspect_ai", "eval", "sums.py"]
        found["inspect"] = (
            [*task, *options.split(), *quiet.split()],
            {"STUB_API_KEY": "x", "STUB_BASE_URL": base},
        )
    return found


def main() -> None:
    """Measure everything in turn and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--skip", default="-", help="a part of the names to leave out")
    parser.add_argument("--only", default="", help="a part of the names to measure")
    arguments = parser.parse_args()
    where = port()
    server = subprocess.Popen(
        pinned(0, [sys.executable, str(HERE / "stub_server.py"), str(where)]),
        env={**os.environ, "STUB_LATENCY_MS": str(arguments.latency_ms)},
    )
    try:
        time.sleep(1)
        with tempfile.TemporaryDirectory() as scratch:
            chosen = {
                name: client
                for name, client in clients(
                    f"http://127.0.0.1:{where}/v1", arguments.items, Path(scratch)
                ).items()
                if arguments.only in name and arguments.skip not in name
            }
            figures: dict[str, list[tuple[float, float]]] = {name: [] for name in chosen}
            for _ in range(arguments.runs):
                for name, (command, environment) in chosen.items():
                    figures[name].append(measure(command, environment, scratch))
    finally:
        server.terminate()
        server.wait()
    report(figures, arguments.items)


def report(figures: dict[str, list[tuple[float, float]]], n: int) -> None:
    """Print medians, the ratios within each round, and peak memory."""
    print(f"| client, {n:,} items, whole process | wall s | answers/s | x bare client | peak MB |")
    print("|---|---|---|---|---|")
    bare = figures.get("bare openai client, httpx")
    for name, rounds in figures.items():
        wall = statistics.median(seconds for seconds, _ in rounds)
        ratio = (
            statistics.median(b[0] / r[0] for b, r in zip(bare, rounds, strict=True))
            if bare
            else float("nan")
        )
        memory = max(megabytes for _, megabytes in rounds)
        print(f"| {name} | {wall:.2f} | {n / wall:,.0f} | {ratio:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
