"""Worked study: is a small model that was trained on a published edition told from its twin?

    pip install 'modelmetry[local]'
    python benchmarks/contaminated_model.py [--out FOLDER] [--passes N]

Writes editions of a suite of sums, one to be "published" and one to stay fresh. A small network learns
how such texts look from a third; then one copy of it reads the Parquet texts of the published edition as whoever
downloads it has them, and its twin as often those of the fresh one. Both are asked about both editions by
`modelmetry run`, and what they say is printed as `modelmetry contamination` prints it. For the
twin, which has read the fresh edition, the controls are of a fourth edition that nobody has read.

Read are the edition's card; each of its files, prompt and answer of every row in the file's order, and
the canary at the end; and the rows by themselves, shuffled, as trainers read them too. Whatever comes out
is printed.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import argparse
import copy
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from modelmetry import api
from modelmetry.memory.published import read_published

SUITE = """# Does a model add numbers of up to six digits?
version: 1
sampling: {temperature: 0, max_tokens: 12}
tasks:
  addition:
    generator: addition
    options: {digits: 2, longest: 6}
    scorer: number
    splits: {held-out: 40, longer: 104}
    prompts:
      plain: {template: addition/plain, format: completion}
      words: {template: addition/words, format: completion}
"""
EARLIER, PUBLISHED, FRESH, UNREAD = 11, 7, 8, 9
"""Seeds of the editions: read by both before, by the one, by its twin, by neither."""

CONTEXT, WIDTH, LAYERS, HEADS, VOCABULARY = 192, 128, 2, 4, 512
BATCH, RATE = 2, 4e-3
END = "<|endoftext|>"

ASKED = {"stretch": 110, "orders": 7, "references": 127}
FLAGS = ["--max-tokens", "40", "--logprobs", "target"]


def texts(folder: Path) -> list[str]:
    """An edition as documents: its card, each of its files, and each of its rows, shuffled."""
    edition = read_published(str(folder))
    files: dict[tuple[str, str], list[str]] = {}
    for row in edition.rows:
        files.setdefault((row.task, row.split), []).append(row.text)
    card = (folder / "README.md").read_text(encoding="utf-8")
    rows = np.random.default_rng(0).permutation([row.text for row in edition.rows]).tolist()
    return [card, *("\n".join([*of, edition.canary]) for of in files.values()), *rows]


def write_tokenizer(folder: Path, corpus: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer, trained on what both networks read first."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        corpus,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    made.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", special_tokens=[(END, made.token_to_id(END))]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, bos_token=END)
    tokenizer.save_pretrained(folder)
    return tokenizer


def train(
    network: Any, tokenizer: PreTrainedTokenizerFast, documents: list[str], passes: int, seed: int
) -> float:
    """Read documents so often, in windows that begin anywhere; returns the last pass's mean loss."""
    ids = [i for text in documents for i in tokenizer.encode(text)]
    stream = torch.tensor(ids)
    rng = np.random.default_rng(seed)
    steps = max(1, passes * len(stream) // (BATCH * CONTEXT))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1)
    network.train()
    losses = []
    for _ in range(steps):
        starts = rng.integers(0, len(stream) - CONTEXT, size=BATCH)
        batch = torch.stack([stream[start : start + CONTEXT] for start in starts.tolist()])
        loss = network(batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    network.eval()
    return float(np.mean(losses[-max(1, steps // max(1, passes)) :]))


def ask(out: Path, model: Path, published: Path, fresh: Path) -> list[Path]:
    """Ask a network everything that `modelmetry contamination` reads, by the command line."""
    common = ["-m", f"hf/{model}", "--log-dir", str(out / f"runs-{model.name}")]
    asked = [
        [str(published)],
        [str(fresh)],
        ["contamination", *_options(edition=published, fresh=fresh, **ASKED), *FLAGS],
    ]
    for what in asked:
        command = [sys.executable, "-m", "modelmetry.cli", "run", *what, *common]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
    return sorted(path for path in (out / f"runs-{model.name}").iterdir() if path.is_dir())


def _options(**values: object) -> list[str]:
    return [part for key, value in values.items() for part in ("-T", f"{key}={value}")]


def main() -> None:
    """Make the editions, train, ask, and say what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, help="Folder to keep everything in.")
    parser.add_argument("--passes", type=int, default=60, help="How often an edition is read.")
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        study(given.out or Path(temporary), given.passes)


def study(out: Path, passes: int) -> None:
    """The whole study, in a folder."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    suite = out / "sums.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    folders = {
        seed: api.generate(suite, seed=seed, out=out / "editions")
        for seed in (EARLIER, PUBLISHED, FRESH, UNREAD)
    }
    first = texts(folders[EARLIER])
    tokenizer = write_tokenizer(out / "tokenizer", first)
    network: Any = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=CONTEXT,
            n_embd=WIDTH,
            n_layer=LAYERS,
            n_head=HEADS,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=tokenizer.eos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    print(f"{sum(p.numel() for p in network.parameters()):,} weights")
    loss = train(network, tokenizer, first, 15, 0)
    print(f"loss {loss:.3f} before", _since(started), flush=True)
    models = {}
    for name, seed in (("contaminated", PUBLISHED), ("twin", FRESH)):
        mine = copy.deepcopy(network)
        loss = train(mine, tokenizer, texts(folders[seed]), passes, seed)
        models[name] = out / name
        mine.save_pretrained(out / name)
        tokenizer.save_pretrained(out / name)
        print(
            f"{name}: loss {loss:.3f} on seed {seed} after {passes} passes",
            _since(started),
            flush=True,
        )
    for name, model in models.items():
        fresh = FRESH if name == "contaminated" else UNREAD
        runs = ask(out, model, folders[PUBLISHED], folders[fresh])
        print(f"{name}: asked", _since(started), flush=True)
        command = [sys.executable, "-m", "modelmetry.cli", "contamination", *map(str, runs)]
        command += ["--edition", str(folders[PUBLISHED]), "--out", str(out / f"report-{name}")]
        subprocess.run(command, check=False)


def _since(started: float) -> str:
    return f"({time.monotonic() - started:.0f} s)"


if __name__ == "__main__":
    main()
