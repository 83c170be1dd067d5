"""Extraction: continue a sequence of a user's own corpus, word for word."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput
from modelmetry.items import Draft, Field, Scalar, Target, content_hash, digest
from modelmetry.memory.continuing import Continuing
from modelmetry.memory.probes import ProbeSet, read
from modelmetry.memory.texts import FILE, Coder, coder, has_library
from modelmetry.spaces import Point, Space

_FOLDS = 5
_CONTROLS = "held-out"


@dataclass(frozen=True, kw_only=True)
class Extraction(Continuing):
    """What comes after this passage of your corpus, word for word?

    The probe of k-extraction after Prashanth et al., "Recite, Reconstruct, Recollect" (ICLR 2025,
    arXiv 2406.17746), over sequences that `modelmetry probes` drew from a corpus, or was given. A
    split is one stratum, so that any leading part of it is a uniform sample. Windows that overlap in
    one document are one cluster.

    Attributes:
        probes: A folder made by `modelmetry probes`.
    """

    probes: str = ""

    name: ClassVar[str] = "extraction"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("prompt", "tail", "words")
    factors: ClassVar[tuple[str, ...]] = (
        *("duplicates", "template", "inserted", "canary"),
        "probe",
    )
    difficulty: ClassVar[str] = "duplicates"
    splits: ClassVar[Mapping[str, str]] = {
        "train": "a fifth of the sequences, of the corpus and of the controls: to fit thresholds",
        "corpus": "sequences that stand in the corpus, as often as the factor duplicates says",
        _CONTROLS: "sequences that stand nowhere in the corpus; none where no controls were drawn",
    }
    needs: ClassVar[tuple[str, ...]] = ("probes",)
    paths: ClassVar[tuple[str, ...]] = ("probes",)

    def __post_init__(self) -> None:
        """Read the probes.

        Raises:
            BadInput: None are named, or the folder is not as it was written.
        """
        if not self.probes:
            raise BadInput(
                "extraction: no probes; allowed: -T probes=FOLDER, made by `modelmetry probes`"
            )
        _ = self._set

    @cached_property
    def _set(self) -> ProbeSet:
        return read(self.probes)

    @cached_property
    def _answers(self) -> Mapping[str, str]:
        rows = self._set.rows
        return dict(zip(rows["prompt"], rows["continuation"], strict=True))

    @cached_property
    def _coder(self) -> Coder | None:
        """The tokenizer beside the probes, where there is one and it can be read."""
        kept = self._set.record.tokenizer_file and has_library()
        return coder(str(self._set.folder / FILE)) if kept else None

    @property
    def k(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Tokens of the prompt, and of the continuation: those of the folder, no option."""
        return self._set.record.k

    def strata(self, split: str) -> Sequence[Space]:
        """All sequences of a split; none of the controls where there are none."""
        found = self._set
        kinds: dict[int, list[str]] = {1: [], 0: []}
        for name, inserted in zip(found.rows["id"], found.rows["inserted"], strict=True):
            kinds[inserted].append(name)
        chosen: list[str] = []
        for inserted in {"train": (1, 0), "corpus": (1,), _CONTROLS: (0,)}[split]:
            listed = sorted(kinds[inserted], key=lambda name: digest("extraction fold", name))
            fold = -(-len(listed) // _FOLDS) if len(listed) > 1 else 0
            chosen += listed[:fold] if split == "train" else listed[fold:]
        if not chosen:
            raise BadInput(
                f"extraction: no sequences for {split} in {self.probes}; allowed: probes with "
                + ("--held-out" if split == _CONTROLS else "more sequences")
            )
        return [Space.of(probe=chosen)]

    def count(self, split: str) -> int:
        """How many problems the split holds; controls may be none."""
        if split == _CONTROLS and 0 not in self._set.rows["inserted"]:
            return 0
        return super().count(split)

    def build(self, point: Point, rng: random.Random) -> Draft:
        found = self._set
        row = found.row[point["probe"]]
        values = {name: column[row] for name, column in found.rows.items()}
        return Draft(
            fields={
                "prompt": values["prompt"],
                "tail": values["tail"],
                "words": found.record.k,
            },
            target=Target(answers=(values["continuation"],)),
            factors={
                "duplicates": values["duplicates"],
                "template": values["template"],
                "inserted": values["inserted"],
                "canary": values["canary"],
                "probe": values["id"],
            },
            cluster=values["cluster"],
        )

    def solve(self, fields: Mapping[str, Field]) -> str:
        """Look the prompt up among the probes.

        It is no second way: the corpus need not be there any more, and nothing else tells how a
        sequence goes on. That its continuation is the corpus's is made sure of where probes are made.

        Returns:
            The continuation; empty where the prompt is of no probe.
        """
        return self._answers.get(str(fields["prompt"]), "")

    def tokens(self, text: str) -> Sequence[int | str]:
        """The tokens of a text by the tokenizer beside the probes.

        Where they were counted in words, or the library `tokenizers` is not installed, its words.
        """
        return self._coder.encode([text])[0].tolist() if self._coder else text.split()

    def features(
        self, factors: Sequence[Mapping[str, Scalar]]
    ) -> Mapping[str, NDArray[np.float64]]:
        found = self._set
        rows = []
        for of in factors:
            row = found.row.get(str(of["probe"]))
            if row is None:
                raise BadInput(
                    f"extraction: {self.probes} has no probe {of['probe']!r}; allowed: the probes that "
                    "the problems were made of"
                )
            rows.append(row)
        return {name: column[rows] for name, column in found.features.items()}

    def fingerprint(self) -> str:
        """As of every generator, over all probes."""
        found = self._set
        told = [found.rows[name] for name in sorted(found.rows) if name != "shard"]
        return content_hash([super().fingerprint(), found.record.k, told])[:16]
