"""Model specs: what they name, and the line that answers a wrong one."""

from __future__ import annotations

import pytest

from modelmetry.errors import BadInput
from modelmetry.items import installed
from modelmetry.models import Model, resolve


@pytest.mark.parametrize(
    "spec",
    ["openai/gpt-4o", "openai/azure/mine", "openai-api/m", "vllm/meta-llama/Llama-3.1-8B",
     "hf/gpt2", "replay/runs/x", "reference/oracle", "reference/chance", "reference/majority",
     "reference/simulated"],
)  # fmt: skip
def test_a_spec_names_a_model_that_gives_it_back(spec):
    """Resolving loads the provider's class, which knows its own spec; nothing is asked yet."""
    model = resolve(spec)
    assert isinstance(model, Model)
    assert model.spec == spec
    assert model.identity()["model"] == spec


def test_every_provider_is_covered():
    """The providers that the package installs are the ones tested above."""
    assert {"hf", "openai", "openai-api", "reference", "replay", "vllm"} <= set(installed("models"))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("gpt-4o", r"allowed: <provider>/<name> with a provider of .*vllm"),
        ("vllm/", r"allowed: <provider>/<name>"),
        ("", r"allowed: <provider>/<name>"),
        ("nobody/x", r"unknown model 'nobody'; installed: .*openai-api"),
        (
            "reference/orakel",
            r"unknown reference 'orakel' .*; allowed: chance, check-standard, judge, majority, oracle",
        ),
    ],
)
def test_wrong_specs(spec, words):
    """A wrong spec is answered with what is allowed."""
    with pytest.raises(BadInput, match=words):
        resolve(spec)


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        ("vllm/m", {"tempo": "1"}, r"no option 'tempo'; allowed: .*timeout_s"),
        ("vllm/m", {"name": "x"}, r"no option 'name'"),
        ("vllm/m", {"_session": "x"}, r"no option '_session'"),
        ("reference/oracle", {"ability": "1"}, r"no option 'ability'"),
        ("vllm/m", {"timeout_s": "soon"}, r"timeout_s is 'soon'; allowed: float"),
        ("vllm/m", {"timeout_s": "0"}, r"timeout_s is 0.0; allowed: above 0"),
        ("vllm/m", {"extra_body": "{"}, r"extra_body is '\{'; allowed: .*Mapping"),
        ("vllm/m", {"extra_body": "[1]"}, r"extra_body is '\[1\]'; allowed"),
        ("hf/m", {"dtype": "float8"}, r"dtype is 'float8'; allowed: .*bfloat16"),
        ("hf/m", {"batch_size": "0"}, r"batch_size is 0; allowed: from 1"),
        ("openai/m", {"limit": "tokens"}, r"limit is 'tokens'; allowed: .*max_completion_tokens"),
    ],
)
def test_wrong_options(spec, options, words):
    """A wrong option is answered with the allowed names or the allowed values."""
    with pytest.raises(BadInput, match=words):
        resolve(spec, options=options)


def test_options_take_their_fields_types():
    """Texts from a command line become numbers and mappings; dashes are underscores."""
    model = resolve(
        "vllm/m", options={"timeout-s": "30", "extra_body": '{"top_k": 5}', "price_input": 2}
    )
    assert vars(model)["timeout_s"] == 30.0
    assert vars(model)["extra_body"] == {"top_k": 5}
    assert model.price_input == 2.0
