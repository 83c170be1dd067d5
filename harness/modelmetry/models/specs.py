"""Model specs: from `provider/name` and `key=value` options to a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_origin, get_type_hints

import msgspec

from modelmetry import items
from modelmetry.errors import BadInput, nearest, offered
from modelmetry.models.model import Model


def resolve(
    spec: str, *, base_url: str | None = None, options: Mapping[str, Any] | None = None
) -> Model:
    """The model that a spec names, not yet opened.

    Args:
        spec: `provider/name`, such as `vllm/meta-llama/Llama-3.1-8B` or `reference/oracle`.
        base_url: Server address; back ends without a server ignore it.
        options: Option name -> value, as text or already of the option's type. Lists and
            mappings are JSON when given as text.

    Raises:
        BadInput: The provider, name or option is unknown, or a value is not allowed.
    """
    provider, slash, name = spec.partition("/")
    if not (provider and slash and name):
        known = items.installed("models")
        raise BadInput(
            f"model: {spec!r}{nearest(provider, known)}; allowed: <provider>/<name> with a provider of "
            f"{', '.join(known)}"
        )
    base = items.load("models", provider, where="model")
    if not (isinstance(base, type) and issubclass(base, Model)):
        raise BadInput(f"model: provider {provider!r} is not a Model; allowed: its subclasses")
    kind = base.kind(name)
    return kind(name=name, base_url=base_url, **_converted(spec, kind, options or {}))


def _converted(spec: str, kind: type[Model], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the types of the fields they set."""
    hints = get_type_hints(kind)
    allowed = [
        field.name
        for field in dataclasses.fields(kind)
        if field.init and field.name not in ("name", "base_url")
    ]
    converted = {}
    for key, value in options.items():
        field = key.replace("-", "_")
        if field not in allowed:
            raise BadInput(f"{spec}: no option {key!r}{offered(key, allowed)}")
        converted[field] = _value(spec, key, value, hints[field])
    return converted


def _value(spec: str, key: str, value: Any, hint: Any) -> Any:
    origin = get_origin(hint)
    structured = isinstance(origin, type) and issubclass(origin, Mapping | list | tuple)
    try:
        if isinstance(value, str) and structured:
            return msgspec.json.decode(value, type=hint)
        return msgspec.convert(value, hint, strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        wanted = hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
        raise BadInput(f"{spec}: option {key} is {value!r}; allowed: {wanted} ({error})") from None
