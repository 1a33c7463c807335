"""What can be wrong with a stored model."""

from bugflow.core.errors import ConflictError, InvalidError, NotFoundError, UnavailableError


class ModelNameError(InvalidError):
    """A type, a scope or a version that a model cannot have."""

    def __init__(self, what: str, value: str, possible: str) -> None:
        super().__init__(f"{value[:100]!r} cannot be the {what} of a model. Use {possible}.")


class ModelFilesError(InvalidError):
    """A folder that cannot be published as a model."""

    def __init__(self, folder: str, problem: str) -> None:
        super().__init__(f"{folder} cannot be published as a model: {problem}")


class ModelExistsError(ConflictError):
    """A version that is there already; versions never change."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The model {name} exists already and never changes. Publish it under another version.")


class ModelNotFoundError(NotFoundError):
    """There is no such version."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no model {name} in the storage. Choose one of those that are listed.")


class ModelDamagedError(InvalidError):
    """A stored model is not what was published."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(
            f"The model {name} cannot be used: {problem} Choose another version, or train and publish it again."
        )


class ModelNotFetchedError(UnavailableError):
    """A model could not be written on this machine."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"The model {name} could not be brought to this machine: {reason}. Nothing of it was left behind. "
            "Make room in BUGFLOW_HOME, or check its rights."
        )


class PackError(InvalidError):
    """A file that holds no version of a model, or one that cannot be trusted."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The file cannot be imported as a model: {problem} Nothing was stored. "
            "Export the version again by `bugflow models export`."
        )


class PackScopeError(InvalidError):
    """A project's own model that nobody has said a project for."""

    def __init__(self) -> None:
        super().__init__("This is the model of a single project. Say which project here it is for; nothing was stored.")


class VersionTakenError(ConflictError):
    """The number of an imported version belongs to another one here."""

    def __init__(self, name: str, present: str) -> None:
        super().__init__(
            f"The model {name} cannot be imported under its number: here that is {present}, which never changes. "
            "Import it under another number."
        )


class UnpackingFailedError(UnavailableError):
    """A packed version could not be written on this machine."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The model could not be unpacked: {reason}. Nothing was stored. "
            "Make room in BUGFLOW_HOME, or check its rights."
        )
