"""Every error that the platform raises on purpose.

::

    SynthAssetsError
    ├── SpecError              the spec is wrong: the key, the place, the rule, the remedy
    ├── SourceError            a source cannot be read as the spec says
    ├── DomainError            a table does not fit the domain, or a domain cannot be learned
    ├── BudgetExceeded         a charge would pass a ceiling; nothing was charged
    ├── LedgerError            the ledger is damaged or belongs to other ceilings
    ├── AnonymityUnreachable   no generalization reaches the privacy model that was asked for
    ├── PublicationRefused     no valid certificate for what is staged
    ├── MissingExtra           an optional dependency is absent; names the install line
    └── SealedError            something unforeseen failed where rows were at hand: the text is withheld

A message names the value's place, the rule and the remedy. It never quotes a value that was read from a source.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SynthAssetsError(Exception):
    """Base of all errors raised on purpose; its text is one sentence for the user."""


class SpecError(SynthAssetsError):
    """The spec is wrong."""


class SourceError(SynthAssetsError):
    """A source cannot be read as the spec says."""


class DomainError(SynthAssetsError):
    """A table does not fit the domain, or a domain cannot be learned."""


class BudgetExceeded(SynthAssetsError):
    """A charge would pass a ceiling. Nothing was charged."""


class LedgerError(SynthAssetsError):
    """The ledger is damaged or was created with other ceilings."""


class AnonymityUnreachable(SynthAssetsError):
    """No generalization reaches the privacy model that was asked for."""


class PublicationRefused(SynthAssetsError):
    """There is no valid certificate for the staged table."""


class MissingExtra(SynthAssetsError):
    """An optional dependency is absent; the message names the install line."""


class SealedError(SynthAssetsError):
    """An unforeseen failure near rows; its own text is withheld because it may quote them."""


_OURS = tuple(str(Path(__file__).parent.parent / package) for package in ("synth_assets", "resources"))


@contextmanager
def sealed(what: str) -> Iterator[None]:
    """Run a block that touches rows; let only errors written by us pass.

    Engines and libraries quote offending values in their messages ("could not convert 'Jane Roe'"). Any error
    that is not a :class:`SynthAssetsError` is replaced by a :class:`SealedError` that names its type and the line
    of this project where it arose, and nothing else. What leaves is linked to no other error, as printers, debuggers
    and Dagster's records follow such links.
    """
    try:
        yield
    except SynthAssetsError as error:
        _unlink(error)
        raise
    except Exception as error:  # noqa: BLE001 - the point is to let no foreign text through
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(_OURS)]
        inner = frames[-1] if frames else None
        place = f"{Path(inner.filename).name}:{inner.lineno}" if inner else "an unknown place"
        text = (
            f"{what} failed with {type(error).__name__} at {place}; its text is withheld because it may quote rows: "
            "check the source against the spec, and report the place named here if it persists"
        )
        try:
            raise SealedError(text) from None
        except SealedError as told:
            _unlink(told)  # the interpreter has linked the original; raising again does not
            raise


def _unlink(error: BaseException) -> None:
    error.__cause__ = error.__context__ = None
