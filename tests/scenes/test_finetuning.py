"""Fine-tuning from end to end: a split is exported, a model learns it, and the tuned model is scored."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.cli.test_commands import modelmetry

from modelmetry import api
from modelmetry.analyses.estimates import headline
from modelmetry.api.results import read_run
from modelmetry.scenes import raster
from modelmetry.scenes.world import Scene

SUITE = """\
# How systematic is a model about cyan cylinders after it was tuned on scenes without them?
version: 1
sampling: {temperature: 0, max_tokens: 3}
tasks:
  tuned:
    generator: clevr-hope
    options: {pairs: [cyan cylinder], most: 6, per_scene: 4}
    scorer: choice
    splits: {minimal-iid: 64, minimal-ood: 64, complex-iid: 160, complex-ood: 160}
    prompts:
      across: {template: across}
      along: {template: along}
"""

TOLD = """\
{% for id in ORDER %}{% set o = objects[id - 1] %}
{{ o.size }} {{ o.color }} {{ o.material }} {{ o.shape }} .
{% endfor %}
{{ question }}
"""

CHAT = "{% for m in messages %}{{ m['content'] }} {% endfor %}<answer>"


def words(lines: list[dict[str, Any]]) -> Any:
    """A tokenizer of the words that a training file uses, with a chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    cut = pre_tokenizers.Whitespace()
    texts = [turn["content"] for line in lines for turn in line["messages"]]
    found = {word for text in texts for word, _ in cut.pre_tokenize_str(text)}
    vocab = {word: n for n, word in enumerate(["<end>", "<unknown>", "<answer>", *sorted(found)])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = cut
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>", unk_token="<unknown>",
        extra_special_tokens={"answer_token": "<answer>"}, chat_template=CHAT,
    )  # fmt: skip


def untrained(tokenizer: Any) -> Any:
    """A language model of a hundred thousand random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=256, eos_token_id=0, pad_token_id=0,
        bos_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def tune(model: Any, tokenizer: Any, lines: list[dict[str, Any]], steps: int) -> None:
    """Learn the last turn of every chat, in batches of 32."""
    import torch

    asked = [tokenizer.apply_chat_template(line["messages"][:-1], tokenize=False) for line in lines]
    given = tokenizer(asked, add_special_tokens=False)["input_ids"]
    said = [tokenizer(line["messages"][-1]["content"])["input_ids"] + [0] for line in lines]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(1)).tolist()
    for step in range(steps):
        batch = [order[(32 * step + n) % len(order)] for n in range(32)]
        longest = max(len(given[n]) + len(said[n]) for n in batch)
        ids = torch.zeros((32, longest), dtype=torch.long)
        labels = torch.full((32, longest), -100)
        for row, n in enumerate(batch):
            start, end = len(given[n]), len(given[n]) + len(said[n])
            ids[row, :end] = torch.tensor(given[n] + said[n])
            labels[row, start:end] = ids[row, start:end]
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


def save(model: Any, tokenizer: Any, folder: Path) -> str:
    """Write a model as its users load it; its name on the command line."""
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return f"hf/{folder}"


@pytest.mark.torch
def test_a_tuned_model_is_measured(tmp_path: Path) -> None:
    """What training never shows is not in the export, and what it shows is learned.

    Before, the model says nothing that is admitted; afterwards it is right on new problems like
    those of training more often than any constant answer is, and its systematicity is estimated.
    """
    pytest.importorskip("torch")
    (tmp_path / "prompts").mkdir()
    for name, order in {"across": "left_to_right", "along": "front_to_back"}.items():
        (tmp_path / "prompts" / f"{name}.jinja").write_text(TOLD.replace("ORDER", order))
    (tmp_path / "tuning.yaml").write_text(SUITE)
    asked = ("--to", "chat", "--seed", "1", "--limit", "1200", "--out", "train")
    done = modelmetry("export", "tuning.yaml", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "train" / "train.jsonl").read_text()
    assert len(re.findall(r" cyan \w+ (cube|sphere) ", text)) > 50
    assert len(re.findall(r" \w+ \w+ cylinder ", text)) > 50
    assert not re.findall(r" cyan \w+ cylinder ", text)

    lines = [json.loads(line) for line in text.splitlines()]
    tokenizer = words(lines)
    model = untrained(tokenizer)
    before = save(model, tokenizer, tmp_path / "before")
    tune(model, tokenizer, lines, steps=250)
    after = save(model, tokenizer, tmp_path / "after")

    control = api.run(tmp_path / "tuning.yaml", model=before, seed=2, log_dir=tmp_path / "runs")
    done = modelmetry("run", "tuning.yaml", "--model", after, "--seed", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (path.parent for path in tmp_path.glob("runs/*-after/run.json"))
    assert not control.scores["value"].to_numpy().any()
    found = api.systematicity(folder, control=control.folder)
    (run,) = found.runs
    assert [each.twins.kind for each in run.found] == ["minimal", "complex"]
    for each in run.found:
        (gap,) = each.gaps
        assert (gap.pair, gap.diversity) == ("cyan cylinder", 23)
        assert gap.estimate.low <= gap.accuracy_a - gap.accuracy_b <= gap.estimate.high
        assert each.control is not None
        assert each.control.pooled is not None
    tuned = read_run(folder)
    rows = {row.split: row for row in headline(tuned.record, tuned.scores)}
    constants = [constant.a for constant in run.found[1].constants]
    assert max(constants) > 0.2
    assert rows["complex-iid"].estimate.low > max(constants)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_trainer_sees_what_the_painter_paints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load_dataset` decodes a picture of the exported folder to the very pixels of its scene."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    asked = {"split": "minimal-iid", "seed": 1, "wordings": ["zero-shot/picture"]}
    api.export("clevr-hope-pictures", to="datasets", out=tmp_path / "out", limit=4, **asked)
    rows = datasets.load_dataset(
        str(tmp_path / "out"), split="minimal_iid", cache_dir=str(tmp_path / "cache")
    )
    items = api.preview("clevr-hope-pictures", split="zero-shot/minimal-iid", seed=1, limit=12)
    scenes = {item.problem.uid: item.problem.fields["scene"] for item in items}
    assert len(rows) == 4
    for row in rows:
        (image,) = row["images"]
        scene = msgspec.convert(scenes[row["problem"]], Scene)
        assert (np.array(image) == raster.render(scene)).all()
