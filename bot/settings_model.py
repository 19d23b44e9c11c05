"""Which model answers, and where its key and its address come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from bot.settings_base import Group

DEFAULT_GEMINI = "gemini-3.6-flash"


class ModelChoice(Group):
    """One model of one service. Keys and addresses may come from the environment names that the service's own tools use."""

    provider: Literal["gemini", "vertex", "openai"] = "gemini"
    """gemini: the Gemini API. vertex: Gemini on Vertex AI, with application default credentials. openai: everything that speaks
    OpenAI's Chat Completions (OpenAI, Azure, Grok, vLLM, llama.cpp, Ollama). Environment: MODEL_PROVIDER."""
    name: str = ""
    """Model name as the service lists it (Azure: the deployment); empty is gemini-3.6-flash with gemini and vertex.
    Environment: GEMINI_MODEL, or OPENAI_MODEL or AZURE_OPENAI_DEPLOYMENT with openai."""
    api_key: SecretStr = SecretStr("")
    """Key of the service; a local one may need none. Environment: GEMINI_API_KEY, or OPENAI_API_KEY or AZURE_OPENAI_API_KEY."""
    base_url: str = ""
    """Another address of the same API. Environment: GOOGLE_GEMINI_BASE_URL, GOOGLE_VERTEX_BASE_URL, OPENAI_BASE_URL, OPENAI_API_BASE."""
    project: str = ""
    """vertex: the Google Cloud project. Environment: GOOGLE_CLOUD_PROJECT."""
    location: str = "global"
    """vertex: the location. Environment: GOOGLE_CLOUD_LOCATION."""
    azure_endpoint: str = ""
    """openai: the address of an Azure resource (`https://….openai.azure.com`). Environment: AZURE_OPENAI_ENDPOINT."""
    azure_api_version: str = "2024-10-21"
    """openai: the version of Azure's API. Environment: OPENAI_API_VERSION."""
    thinking: Literal["", "minimal", "low", "medium", "high"] = ""
    """How much the model thinks before it answers; empty leaves it to the service, which tunes it per model. A model that cannot be
    told refuses it. openai: the `reasoning_effort`."""
    window_tokens: int = Field(default=0, ge=0)
    """Tokens that a request may hold; 0 asks the service, and takes 128,000 if it does not say."""

    @property
    def model(self) -> str:
        """The name, or the provider's usual one; '' if there is neither."""
        return self.name or ("" if self.provider == "openai" else DEFAULT_GEMINI)

    @property
    def is_set_up(self) -> bool:
        """Whether there is anything to ask: a key, or an address that may need none."""
        match self.provider:
            case "gemini":
                return bool(self.api_key.get_secret_value())
            case "vertex":
                return True
            case "openai":
                return bool(self.api_key.get_secret_value() or self.base_url or self.azure_endpoint)


class ModelSettings(ModelChoice):
    """The model that answers questions."""

    fallback: ModelChoice | None = None
    """Another model that is asked when the first gives no reply and waiting would not help."""
    choices: tuple[ModelChoice, ...] = ()
    """More models that people may choose for a thread with `model <name>`, besides the two above."""
    required: bool = True
    """Whether a missing key stops the start; false runs without a model."""
    max_steps: int = Field(default=20, ge=1)
    """Model replies per turn before the bot stops and says so."""
    context_tokens: int = Field(default=200_000, ge=4_000)
    """Longest history that is sent, within the model's own window: before it is reached, old outputs are left out, then summarized."""
    timeout_seconds: float = Field(default=120.0, gt=0)
    """Longest wait for one reply."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of every model that may be asked."""
        return tuple(choice.model for choice in (self, *((self.fallback,) if self.fallback is not None else ()), *self.choices))

    @model_validator(mode="after")
    def _have_names_of_their_own(self) -> ModelSettings:
        """People choose a model by its name."""
        names = {self.model, self.fallback.model if self.fallback is not None else ""}
        for choice in self.choices:
            if not choice.model:
                raise ValueError("every entry of `choices` needs a `name`")
            if choice.model in names:
                raise ValueError(f"the model {choice.model} is there already: list each name once in `choices`, and not the model itself")
            names.add(choice.model)
        return self


MODEL_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    "gemini": {"GEMINI_API_KEY": "api_key", "GEMINI_MODEL": "name", "GOOGLE_GEMINI_BASE_URL": "base_url"},
    "vertex": {
        "GOOGLE_CLOUD_PROJECT": "project",
        "GOOGLE_CLOUD_LOCATION": "location",
        "GEMINI_MODEL": "name",
        "GOOGLE_VERTEX_BASE_URL": "base_url",
    },
    "openai": {
        "OPENAI_API_KEY": "api_key",
        "AZURE_OPENAI_API_KEY": "api_key",
        "OPENAI_MODEL": "name",
        "AZURE_OPENAI_DEPLOYMENT": "name",
        "OPENAI_API_BASE": "base_url",
        "OPENAI_BASE_URL": "base_url",
        "AZURE_OPENAI_ENDPOINT": "azure_endpoint",
        "OPENAI_API_VERSION": "azure_api_version",
    },
}
"""Environment names → setting of a model, by its provider. Of two names for one setting, the later wins."""


def fill_models(data: dict[str, Any], environment: Mapping[str, str]) -> None:
    """The environment over the file for the model; for the others, what the file leaves empty, and never the name."""
    model = data.setdefault("model", {})
    if not isinstance(model, dict):
        return  # the validation reports it
    model |= _model_environment(model, environment)
    if isinstance(model.get("fallback"), dict):
        model["fallback"] = _fill_other(model["fallback"], environment)
    if isinstance(model.get("choices"), list):
        model["choices"] = [_fill_other(one, environment) if isinstance(one, dict) else one for one in model["choices"]]


def _fill_other(model: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    found = _model_environment(model, environment)
    return {**{field: value for field, value in found.items() if field != "name"}, **model}


def _model_environment(model: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    names = MODEL_ENVIRONMENT.get(str(model.get("provider", "gemini")), {})
    return {field: environment[name] for name, field in names.items() if environment.get(name)}
