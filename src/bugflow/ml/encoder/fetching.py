"""Fetches weights from the Hugging Face hub into its cache; only a person's command does that."""

from bugflow.core.errors import UnavailableError
from bugflow.ml.encoder.errors import NoEncoderError
from bugflow.ml.encoder.weights import Weights, find_cached

FILES = ("config.json", "tokenizer.json", "*.safetensors", "1_Pooling/config.json", "sentence_bert_config.json")
"""Nothing that could run code: neither pickles nor Python."""


class HubUnavailableError(UnavailableError):
    """The hub does not give what was asked for."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"{name} could not be fetched from the Hugging Face hub: {reason}. "
            "Check the name and the network, or give a folder with the weights.",
            retry_after_seconds=60,
        )


def fetch_weights(name: str) -> Weights:
    """Return the weights of a name on the hub, fetching them where the cache lacks them.

    Raises:
        HubUnavailableError: The hub does not answer, or does not have them.
        NoEncoderError: What it has there is no encoder.
    """
    from httpx import HTTPError  # noqa: PLC0415 -- Only for fetching.
    from huggingface_hub import snapshot_download  # noqa: PLC0415 -- 0.5 s, and only for fetching.
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415 -- The same.

    if found := find_cached(name):
        return found
    try:
        snapshot_download(name, allow_patterns=list(FILES))
    except (HTTPError, HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise HubUnavailableError(name, reason[0].rstrip(".")) from error
    found = find_cached(name)
    if found is None:
        raise NoEncoderError(name)
    return found
