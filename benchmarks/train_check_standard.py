"""Trains the check standard on the quickstart suite's train splits and certifies what it can do.

    pip install 'modelmetry[local]'
    python benchmarks/train_check_standard.py

Writes weights, configuration, tokenizer and certificate into the package. It repeats the shipped
weights to the byte only with the same torch on the same kind of processor; elsewhere it makes
another instrument of the same kind, with a certificate of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from modelmetry.items import Problem, Seed, digest
from modelmetry.models import Request, Sampling
from modelmetry.models.check_standard import FOLDER, CheckStandard
from modelmetry.models.check_standard.tokenizer import (
    CHAT_TEMPLATE,
    END,
    PIECES,
    Tokenizer,
    definition,
)
from modelmetry.suites import Prompt, Suite, Task, generator_of, items, read, render

CONTEXT = 512
BATCH = 192
PEAK_RATE = 3e-3
WARMUP = 100
SHARES = {"addition": 4, "calendar": 4, "greater-than": 1}
"""How often the tasks' documents are shown; years in order are learned soonest."""

RARE = 1 / 2000
"""Words that occur in fewer than this share of the questions are spelled in bytes."""


def main() -> None:
    """Train, write, certify."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--problems", type=int, default=1000, help="per split, to certify")
    options = parser.parse_args()
    suite = read("quickstart")
    write_tokenizer(suite, options.seed)
    began = time.perf_counter()
    model, tokens = train(suite, options.steps, options.seed)
    facts = {
        "command": f"python benchmarks/train_check_standard.py --steps {options.steps}"
        f" --seed {options.seed} --problems {options.problems}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "training_steps": options.steps,
        "training_tokens": tokens,
        "training_seconds": round(time.perf_counter() - began),
        "torch": torch.__version__,
    }
    write_model(model)
    write_json("certificate.json", facts | certify(suite, options.problems))


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
        question, answer = render(prompt, problem), problem.target.answers[0]
        if prompt.format == "chat":
            yield f"<|user|>{question}{END}<|assistant|>", False
            yield f"{answer}{END}", True
        else:
            yield question, False
            yield f" {answer}\n", True
    if prompt.format == "completion":
        yield END, True


def train_problems(task: Task, root: int) -> Iterator[Problem]:
    """Problems of a task's train split, in a fresh order each time it has been gone through."""
    generator = generator_of(task)
    turn = 0
    while True:
        seed = Seed(root=digest("check standard", root, task.name, turn) % 2**63)
        yield from generator.problems(seed, "train", generator.count("train"))
        turn += 1


def documents(suite: Suite, root: int, tokenizer: Tokenizer) -> Iterator[Document]:
    """Endless training documents: tasks and wordings evenly, with as many shots as the suite."""
    rng = random.Random(root)
    streams = {task.name: train_problems(task, root) for task in suite.tasks}
    while True:
        task = rng.choices(suite.tasks, [SHARES.get(task.name, 1) for task in suite.tasks])[0]
        prompt = rng.choice(task.prompts)
        problems = [next(streams[task.name]) for _ in range(prompt.shots + 1)]
        yield document(prompt, problems, tokenizer)


def write_tokenizer(suite: Suite, root: int, questions: int = 6000) -> None:
    """Find the words that questions and answers are made of, and write the tokenizer's files."""
    import re

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
    write_json("tokenizer.json", definition(sorted(words)))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    write_json("tokenizer_config.json", settings)


def train(suite: Suite, steps: int, root: int) -> tuple[LlamaForCausalLM, int]:
    """The trained network, and how many tokens it saw."""
    torch.manual_seed(root)
    tokenizer = Tokenizer.read(FOLDER)
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
