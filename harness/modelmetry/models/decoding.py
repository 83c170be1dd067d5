"""Batched decoding with transformers and torch: prompts of equal sampling in, answers out."""

# pyright: reportMissingImports=false
# torch and transformers come with the extra `local`; nothing else imports this file before them.

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event
from typing import Any

import torch
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from modelmetry.errors import BadInput
from modelmetry.items import Part
from modelmetry.models.likelihood import Laid, lay, score
from modelmetry.models.model import Finish, Rejected, Request, Sampling, text_only
from modelmetry.models.wire import clean, excerpt


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What was generated for one prompt.

    Attributes:
        text: The answer, without stop text and special tokens.
        finish: `stop` at an end token or stop text, `length` at the token limit.
        tokens: Generated tokens, the end token and those of the stop text included.
        logprobs: Natural-log probability of each, from the model's own distribution before
            temperature and top_p; None unless asked for.
    """

    text: str
    finish: Finish
    tokens: int
    logprobs: tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is given.

    Attributes:
        ids: Token ids.
        seen: What it sees besides, as its processor makes it of pictures; empty for text alone.
    """

    ids: list[int]
    seen: Mapping[str, Any] = field(default_factory=dict)


class Decoder:
    """A causal language model, with or without eyes, and its tokenizer in this process.

    Attributes:
        commit: The commit of a model from the hub; None for a folder.
        dtype: Type of the weights, such as `float32`.
        parameters: Number of weights; those that two layers share count once.
    """

    def __init__(self, name: str, *, dtype: str, device: str, revision: str | None) -> None:
        """Load the model.

        Raises:
            BadInput: It cannot be loaded.
        """
        self._name, self._revision = name, revision
        self._closing = Event()
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            config = AutoConfig.from_pretrained(name, revision=revision)
            self._sees = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
            kind = AutoModelForImageTextToText if self._sees else AutoModelForCausalLM
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=revision)
            model: Any = kind.from_pretrained(name, revision=revision, dtype=dtype)
            self._model = model.to(device).eval()
        except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
            raise BadInput(
                f"hf/{name}: the model cannot be loaded: {excerpt(str(error), 300)}"
            ) from None
        self.commit: str | None = getattr(model.config, "_commit_hash", None)
        self.dtype = str(model.dtype).removeprefix("torch.")
        self.parameters: int = model.num_parameters()
        self._ends = _ends(model.generation_config.eos_token_id, self._tokenizer.eos_token_id)
        self._pad: int = next(iter([*self._ends, 0]))
        # A checkpoint may bring its own sampling (temperature, top_k, penalties); what is asked
        # for here is all that shall happen.
        model.generation_config = GenerationConfig(
            eos_token_id=self._ends or None, pad_token_id=self._pad
        )
        config = model.config.get_text_config()
        self._context: int | None = getattr(config, "max_position_embeddings", None)

    def encode(self, request: Request, pictures: Mapping[str, bytes]) -> Prompt:
        """The prompt as the model is given it.

        Args:
            request: The request.
            pictures: Address -> PNG bytes of every picture shown.

        Raises:
            BadInput: A chat is asked of a model without a chat template, or which refuses it; or a
                picture is asked of a model that reads text alone.
            Rejected: Prompt and answer do not fit the model's context.
        """
        item = request.item
        if pictures:
            prompt = self._looked(request, pictures)
        elif item.format == "chat":
            ids = self._tokenizer(self._templated(request), add_special_tokens=False)["input_ids"]
            prompt = Prompt(ids=ids)
        else:
            prompt = Prompt(ids=self._tokenizer(item.text)["input_ids"])
        wanted = len(prompt.ids) + request.sampling.max_tokens
        if self._context is not None and wanted > self._context:
            raise Rejected(
                f"the prompt has {len(prompt.ids)} tokens and the answer may have "
                f"{request.sampling.max_tokens}; the model's context holds {self._context}"
            )
        if not prompt.ids:
            raise Rejected("the prompt has no tokens")
        return prompt

    def lay(self, request: Request) -> Laid:
        """The text shown with the right answer after it, as tokens.

        Raises:
            BadInput: The request is a chat.
            Rejected: It does not fit the model's context.
        """
        whole = request.scored_text
        laid = lay(self._tokenizer, request.item.text, whole)
        if self._context is not None and len(laid.ids) > self._context:
            raise Rejected(
                f"the text shown and the right answer have {len(laid.ids)} tokens; the model's context "
                f"holds {self._context}"
            )
        return laid

    def score(self, texts: Sequence[Laid]) -> list[Any]:
        """Log-probabilities of texts; see `likelihood.score`.

        Raises:
            BadInput: The accelerator's memory is full.
        """
        try:
            return list(score(self._model, texts, self._pad))
        except torch.cuda.OutOfMemoryError:
            raise self._full(len(texts)) from None

    @cached_property
    def _processor(self) -> Any:
        """What turns pictures into the model's input; loaded with the first picture."""
        try:
            return AutoProcessor.from_pretrained(self._name, revision=self._revision)
        except (OSError, ValueError, ImportError) as error:
            raise BadInput(
                f"hf/{self._name}: pictures cannot be read: {excerpt(str(error), 300)}"
            ) from None

    def _looked(self, request: Request, pictures: Mapping[str, bytes]) -> Prompt:
        from jinja2 import TemplateError

        if not self._sees:
            raise text_only(f"hf/{self._name}")
        processor = self._processor  # first, as it says what is missing where Pillow is
        turns = [
            {"role": turn.role, "content": [_piece(part, pictures) for part in turn.parts]}
            for turn in request.item.messages
        ]
        try:
            inputs = processor.apply_chat_template(
                turns,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                add_generation_prompt=True,
            )
        except (TemplateError, ValueError) as error:
            raise self._refusal(request, error) from None
        inputs = inputs.to(self._model.device, self._model.dtype)
        own = ("input_ids", "attention_mask")
        seen = {name: value for name, value in inputs.items() if name not in own}
        return Prompt(ids=inputs["input_ids"][0].tolist(), seen=seen)

    def _templated(self, request: Request) -> str:
        from jinja2 import TemplateError

        if not self._tokenizer.chat_template:
            raise BadInput(
                f"hf/{self._name}: the model has no chat template; allowed: a chat model, or "
                "prompts of format completion"
            )
        turns = [{"role": turn.role, "content": turn.text} for turn in request.item.messages]
        try:
            return self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
        except TemplateError as error:
            raise self._refusal(request, error) from None

    def _refusal(self, request: Request, error: Exception) -> BadInput:
        return BadInput(
            f"hf/{self._name}: the chat template refuses {request.item.uid}: "
            f"{excerpt(str(error), 200)}"
        )

    def decode(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling
    ) -> list[Decoded]:
        """Generate one answer to each prompt.

        Each prompt has its own random stream, so a sampled answer does not depend on what else
        is in the batch, up to rounding.

        Args:
            prompts: The prompts; one with pictures stands alone, as every kind of model lays
                those of several out in its own way.
            seeds: Sampling seed of each prompt.
            sampling: How to decode all of them.

        Raises:
            BadInput: The accelerator's memory is full.
        """
        device = self._model.device
        given = [prompt.ids for prompt in prompts]
        width = max(map(len, given))
        rows = [[self._pad] * (width - len(ids)) + ids for ids in given]
        mask = [[0] * (width - len(ids)) + [1] * len(ids) for ids in given]
        stops = _Stops(self._tokenizer, width, len(prompts), sampling.stop, self._closing)
        recorder = _Recorder() if sampling.logprobs else None
        processors = [recorder] if recorder else []
        try:
            with torch.inference_mode():
                output = self._model.generate(
                    input_ids=torch.tensor(rows, device=device),
                    attention_mask=torch.tensor(mask, device=device),
                    **prompts[0].seen,
                    max_new_tokens=sampling.max_tokens,
                    do_sample=False,
                    logits_processor=LogitsProcessorList(
                        processors + _warpers(sampling, seeds, device)
                    ),
                    stopping_criteria=StoppingCriteriaList([stops]),
                )
        except torch.cuda.OutOfMemoryError:
            raise self._full(len(prompts)) from None
        logprobs = recorder.table(output) if recorder else [None] * len(prompts)
        return [
            self._decoded(ids, stop, sampling, row)
            for ids, stop, row in zip(output[:, width:].tolist(), stops.ends, logprobs, strict=True)
        ]

    def _full(self, prompts: int) -> BadInput:
        return BadInput(
            f"hf/{self._name}: the accelerator's memory is full with {prompts} prompts at once; "
            "allowed: a smaller -M batch_size"
        )

    def _decoded(
        self, ids: list[int], stop: int | None, sampling: Sampling, logprobs: list[float] | None
    ) -> Decoded:
        """One row, without what generation padded it with."""
        end = next((n for n, token in enumerate(ids, 1) if token in self._ends), None)
        length = min(end or len(ids), stop or len(ids))
        text = self._tokenizer.decode(ids[:length], skip_special_tokens=True)
        found = [at for text_ in sampling.stop if (at := text.find(text_)) >= 0]
        ended = bool(found) or end is not None or stop is not None
        return Decoded(
            text=clean(text[: min(found, default=len(text))]),
            finish="stop" if ended else "length",
            tokens=length,
            logprobs=None if logprobs is None else tuple(logprobs[:length]),
        )

    def stop(self) -> None:
        """End the batch in progress at its next token."""
        self._closing.set()


def _piece(part: Part, pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """A part of a message as processors read it."""
    from PIL import Image

    if part.image is None:
        return {"type": "text", "text": part.text}
    png = pictures[part.image.address]
    return {"type": "image", "image": Image.open(io.BytesIO(png)).convert("RGB")}


def _ends(*given: int | list[int] | None) -> list[int]:
    """The tokens that end an answer, each once."""
    listed = (ids if isinstance(ids, list) else [ids] for ids in given if ids is not None)
    return list(dict.fromkeys(token for ids in listed for token in ids))


class _Stops:
    """Ends a row when its text holds a stop text, and remembers after how many tokens."""

    def __init__(
        self, tokenizer: Any, width: int, rows: int, stop: tuple[str, ...], closing: Event
    ) -> None:
        self.ends: list[int | None] = [None] * rows
        self._tokenizer, self._width, self._stop, self._closing = tokenizer, width, stop, closing
        # A character takes at most four bytes, and a token holds at least one.
        self._tail = 4 * max(map(len, stop), default=0) + 4

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        length = input_ids.shape[1] - self._width
        if self._stop:
            tails = input_ids[:, max(self._width, input_ids.shape[1] - self._tail) :]
            for row, text in enumerate(self._tokenizer.batch_decode(tails)):
                if self.ends[row] is None and any(stop in text for stop in self._stop):
                    self.ends[row] = length
        done = [end is not None or self._closing.is_set() for end in self.ends]
        return torch.tensor(done, device=input_ids.device)


class _Recorder:
    """Keeps the log-probability that the model itself gave to each token that was taken."""

    def __init__(self) -> None:
        self._taken: list[torch.Tensor] = []
        self._offered: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._take(input_ids)
        self._offered = scores.float().log_softmax(-1)
        return scores

    def _take(self, input_ids: torch.Tensor) -> None:
        if self._offered is not None:
            self._taken.append(self._offered.gather(1, input_ids[:, -1:]))

    def table(self, output: torch.Tensor) -> list[list[float]]:
        """Log-probabilities, one row per prompt, one column per generated token."""
        self._take(output)
        return torch.cat(self._taken, dim=1).tolist()


class _Noise:
    """Adds Gumbel noise to the scores: the largest sum is then an exact draw from them.

    This way a row's draw needs only its own generator, which `generate` itself does not offer.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self._streams = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        waits = torch.empty_like(scores)
        for row, stream in enumerate(self._streams):
            waits[row].exponential_(generator=stream)
        return scores - waits.log()


def _warpers(sampling: Sampling, seeds: Sequence[int], device: torch.device) -> list[Any]:
    """What turns the model's scores into the scores that the largest is taken of."""
    if sampling.temperature == 0:
        return []
    warpers: list[Any] = [TemperatureLogitsWarper(float(sampling.temperature))]
    if sampling.top_p is not None and sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(float(sampling.top_p)))
    return [*warpers, _Noise(seeds, device)]
