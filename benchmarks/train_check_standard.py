"""Trains the check standard on the quickstart suite's train splits and certifies what it can do.

    pip install 'modelmetry[local]'
    python benchmarks/train_check_standard.py

Writes weights, configuration, tokenizer and certificate into the package, or into --out. It
repeats the shipped weights to the byte only with the same torch on the same kind of processor;
elsewhere it makes another instrument of the same kind, with a certificate of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from modelmetry.items import Item, Problem, Seed, as_text, digest, load
from modelmetry.models import Request, sampling_seed
from modelmetry.models.check_standard import FOLDER, CheckStandard, digests
from modelmetry.models.check_standard.tokenizer import (
    CHAT_TEMPLATE,
    END,
    PIECES,
    Tokenizer,
    definition,
)
from modelmetry.scoring import score
from modelmetry.statistics import means
from modelmetry.suites import Prompt, Suite, Task, generator_of, items, read, render

CONTEXT = 512
STEPS = 2000
BATCH = 64
PEAK_RATE = 2e-3
WARMUP = 100
PER_SEED = 256
CERTIFIED = 1000
CERTIFIED_SEED = 20_000_000
SHARES = {"addition": 18, "calendar": 80, "greater-than": 2}
"""Percent of the documents; chosen so that all three are learned well, and none to perfection."""

RARE = 1 / 2000
"""Words that occur in fewer than this share of the questions are spelled in bytes."""


def main() -> None:
    """Train, write, certify."""
    parser = argparse.ArgumentParser(description="Trains and certifies the check standard.")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=1, help="of weights and order of training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--certify-only", action="store_true", help="measure what --out holds")
    options = parser.parse_args()
    suite = read("quickstart")
    if options.certify_only:
        known = json.loads((options.out / "certificate.json").read_text(encoding="utf-8"))
        facts = {key: known[key] for key in ("parameters", "training")}
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(options.threads)
        write_tokenizer(suite, options.seed, options.out)
        facts = trained(suite, options)
    write_certificate(suite, options.out, facts)


def trained(suite: Suite, options: argparse.Namespace) -> dict[str, Any]:
    """Train and write the network; what the certificate says about it."""
    began = time.perf_counter()
    model, tokens = train(suite, options.steps, options.seed, Tokenizer.read(options.out))
    seconds = round(time.perf_counter() - began)
    write_model(model, options.out)
    flags = f"--steps {options.steps} --seed {options.seed} --threads {options.threads}"
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "training": {
            "command": f"python benchmarks/train_check_standard.py {flags}",
            "steps": options.steps,
            "documents": options.steps * BATCH,
            "tokens": tokens,
            "seconds": seconds,
            "torch": torch.__version__,
        },
    }


@dataclass(frozen=True, slots=True)
class Document:
    """A text to learn from, with which of its tokens are answers."""

    ids: list[int]
    learned: list[bool]


def document(prompt: Prompt, problems: Sequence[Problem], tokenizer: Tokenizer) -> Document:
    """Solved problems in one wording, as the suite shows them; every answer is to be learned."""
    ids: list[int] = []
    learned: list[bool] = []
    for text, learn in _segments(prompt, problems):
        new = tokenizer.encode(text)
        ids += new
        learned += [learn] * len(new)
    return Document(ids, learned)


def _segments(prompt: Prompt, problems: Sequence[Problem]) -> Iterator[tuple[str, bool]]:
    if prompt.format == "chat" and prompt.system:
        yield f"<|system|>{prompt.system}{END}", False
    for problem in problems:
        question, answer = as_text(render(prompt, problem)), problem.target.answers[0]
        if prompt.format == "chat":
            yield f"<|user|>{question}{END}<|assistant|>", False
            yield f"{answer}{END}", True
        else:
            yield question, False
            yield f" {answer}\n", True
    if prompt.format == "completion":
        yield END, True


def train_problems(task: Task, root: int) -> Iterator[Problem]:
    """Problems of a task's train split without end, seed after seed.

    Only the first of each seed are taken: they cover the strata evenly, however small a stratum.
    """
    generator = generator_of(task)
    size = min(PER_SEED, generator.count("train"))
    for turn in itertools.count():
        seed = Seed(root=digest("check standard", root, task.name, turn) % 2**63)
        yield from generator.problems(seed, "train", size)


def documents(suite: Suite, root: int, tokenizer: Tokenizer) -> Iterator[Document]:
    """Endless training documents: tasks and wordings evenly, with as many shots as the suite."""
    rng = random.Random(root)
    streams = {task.name: train_problems(task, root) for task in suite.tasks}
    while True:
        task = rng.choices(suite.tasks, [SHARES.get(task.name, 1) for task in suite.tasks])[0]
        prompt = rng.choice(task.prompts)
        problems = [next(streams[task.name]) for _ in range(prompt.shots + 1)]
        yield document(prompt, problems, tokenizer)


def write_tokenizer(suite: Suite, root: int, folder: Path, questions: int = 6000) -> None:
    """Find the words that questions and answers are made of, and write the tokenizer's files."""
    seen: Counter[str] = Counter()
    drawn = 0
    for task in suite.tasks:
        for prompt in task.prompts:
            problems = train_problems(task, root)
            for _ in range(questions // (len(suite.tasks) * len(task.prompts))):
                text = "".join(text for text, _ in _segments(prompt, [next(problems)]))
                seen.update(set(re.findall(PIECES, re.sub(r"<\|\w+\|>", "", text))))
                drawn += 1
    words = [word for word, n in seen.items() if n >= drawn * RARE and len(word.encode()) > 1]
    write_json(folder / "tokenizer.json", definition(sorted(words)))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    write_json(folder / "tokenizer_config.json", settings)


def train(
    suite: Suite, steps: int, root: int, tokenizer: Tokenizer
) -> tuple[LlamaForCausalLM, int]:
    """The trained network, and how many tokens it saw."""
    torch.manual_seed(root)
    model = LlamaForCausalLM(configuration(tokenizer))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05
    )
    source = documents(suite, root, tokenizer)
    tokens = 0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        # Sorted by length, a batch is learned in parts that need little padding.
        batch = sorted((next(source) for _ in range(BATCH)), key=lambda d: len(d.ids))
        answers = sum(sum(document.learned) for document in batch)
        total = 0.0
        for part in (batch[: BATCH // 2], batch[BATCH // 2 : -BATCH // 4], batch[-BATCH // 4 :]):
            loss = loss_sum(model, part) / answers
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        tokens += sum(len(document.ids) for document in batch)
        if step % 100 == 0:
            print(f"step {step} loss {total:.4f} tokens {tokens}", flush=True)
    return model.eval(), tokens


def configuration(tokenizer: Tokenizer) -> LlamaConfig:
    """About a million parameters; heads of 32, the smallest that vLLM's CPU attention takes."""
    return LlamaConfig(
        vocab_size=len(tokenizer.bytes_of),
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=5,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.special[END],
        pad_token_id=tokenizer.special[END],
    )


def rate(step: int, steps: int) -> float:
    """The learning rate: a linear rise, then half a cosine down to a hundredth."""
    if step < WARMUP:
        return PEAK_RATE * (step + 1) / WARMUP
    down = (step - WARMUP) / max(1, steps - WARMUP)
    return PEAK_RATE * (0.01 + 0.99 * (1 + math.cos(math.pi * down)) / 2)


def loss_sum(model: LlamaForCausalLM, part: Sequence[Document]) -> torch.Tensor:
    """Summed cross-entropy of the answers' tokens, in nats."""
    longest = max(len(document.ids) for document in part)
    ids = torch.zeros((len(part), longest), dtype=torch.long)
    learned = torch.zeros((len(part), longest), dtype=torch.bool)
    for row, document in enumerate(part):
        ids[row, : len(document.ids)] = torch.tensor(document.ids)
        learned[row, : len(document.ids)] = torch.tensor(document.learned)
    # Only states from which an answer's token is predicted need logits.
    hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state[learned[:, 1:]]
    return torch.nn.functional.cross_entropy(
        model.lm_head(hidden), ids[:, 1:][learned[:, 1:]], reduction="sum"
    )


def write_model(model: LlamaForCausalLM, folder: Path) -> None:
    """Weights and configuration, as older and newer versions of transformers read them."""
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # it is written for its owner alone
    path = folder / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, settings | {"rope_theta": settings["rope_parameters"]["rope_theta"]})


def write_certificate(suite: Suite, folder: Path, facts: dict[str, Any]) -> None:
    """Measure what was written, in its own numpy reading, on problems of a seed of their own."""
    began = time.perf_counter()
    asked = enlarged(suite, CERTIFIED)
    accuracy = measured(asked, list(items(asked, Seed(root=CERTIFIED_SEED))), folder)
    answers = sum(entry["n"] for entry in accuracy.values())
    certificate = {
        **facts,
        "files": digests(folder),
        "suite": {"name": suite.name, "version": suite.version},
        "generators": {task.generator: task.fingerprint for task in suite.tasks},
        "certified": {
            "seed": CERTIFIED_SEED,
            "problems": f"{CERTIFIED} per split, or all there are",
            "answers_per_second": round(answers / (time.perf_counter() - began)),
        },
        "accuracy": accuracy,
    }
    write_json(folder / "certificate.json", certificate)


def enlarged(suite: Suite, n: int) -> Suite:
    """The suite with up to `n` problems in each of its splits."""

    def splits(task: Task) -> dict[str, int]:
        return {split: min(n, generator_of(task).count(split)) for split in task.splits}

    tasks = tuple(dataclasses.replace(task, splits=splits(task)) for task in suite.tasks)
    return dataclasses.replace(suite, tasks=tasks)


def measured(suite: Suite, asked: Sequence[Item], folder: Path) -> dict[str, Any]:
    """Accuracy on each split, clustered by problem, and on each wording of it."""
    model = CheckStandard(folder=str(folder))
    right: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for item in asked:
        task = suite.task(item.task)
        prompt = next(prompt for prompt in task.prompts if prompt.name == item.wording)
        request = Request(
            item=item,
            repeat=0,
            sampling=dataclasses.replace(suite.sampling, stop=prompt.stop),
            model=model.spec,
            suite=suite.name,
            seed=sampling_seed(CERTIFIED_SEED, item, 0),
        )
        found = score(load("scorers", task.scorer), item.problem.target, model.respond(request))
        if found.value is None:
            raise SystemExit(f"{item.uid}: could not be scored: {found.reason}")
        label = suite.label(item.task, item.problem.split)
        right[label].append((item.problem.uid, item.wording, found.value))
    return {label: accuracy_of(rows) for label, rows in right.items()}


def accuracy_of(rows: Sequence[tuple[str, str, float]]) -> dict[str, Any]:
    """The estimate from (problem, wording, score) rows."""
    problems, wordings, values = zip(*rows, strict=True)
    estimate = means.mean(values, clusters=problems)
    by_wording: dict[str, list[float]] = defaultdict(list)
    for wording, value in zip(wordings, values, strict=True):
        by_wording[wording].append(value)
    return {
        **{
            key: getattr(estimate, key)
            for key in ("value", "low", "high", "level", "n", "clusters")
        },
        "method": estimate.method,
        "wordings": {name: sum(part) / len(part) for name, part in by_wording.items()},
    }


def write_json(path: Path, value: object) -> None:
    """Readable JSON, one file."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
