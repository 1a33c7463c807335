"""What lies beside an exported encoder, `encoder.json`: which weights it is made of, and the hashes of its files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bugflow.ml.artifacts import ArtifactError, hash_file, read_json

MANIFEST, MODEL, TOKENIZER = "encoder.json", "model.onnx", "tokenizer.json"
FORMAT = 1
"""Of the folder's files and of how they are made; another one is exported anew."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an exported encoder is.

    Attributes:
        family: Of which kind the network is, such as `bert`.
        fingerprint: Of the weights it was made of.
        origin: Where those were from, as a person reads it.
        precision: `int8` or `fp32`.
        cosine: To the vectors of the weights themselves, on the text where it is lowest, in [-1, 1].
        max_tokens: After how many tokens a text is cut at the latest.
        files: SHA-256 by file name.
    """

    family: str
    fingerprint: str
    origin: str
    precision: str
    cosine: float
    n_dims: int
    max_tokens: int
    files: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what a folder says it has, without looking at the files.

        Raises:
            ArtifactError: It says nothing that can be understood.
        """
        path = folder / MANIFEST
        content = read_json(path)
        if content.pop("format", None) != FORMAT:
            raise ArtifactError(path, "another version of BugFlow wrote it.")
        try:
            manifest = cls(**content)
            numbers = manifest.n_dims, manifest.max_tokens, manifest.cosine
            if not all(isinstance(each, int | float) for each in numbers) or not manifest.files.keys():
                raise ArtifactError(path, "it has no numbers where some must be.")
        except (TypeError, AttributeError) as error:
            raise ArtifactError(path, "it lacks something, or has too much.") from error
        return manifest

    def verify(self, folder: Path) -> None:
        """Compare the files with their hashes.

        Raises:
            ArtifactError: One is missing or damaged.
        """
        for name in (MODEL, TOKENIZER):
            path = folder / name
            if not path.is_file():
                raise ArtifactError(path, "it is missing.")
            if hash_file(path) != self.files.get(name):
                raise ArtifactError(path, "it is damaged.")
