"""Offline: the flags as they are stored, and what follows from them, when no instance runs to be asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strangler.config import load
from strangler.control.explain import answer
from strangler.control.statusapi import Question
from strangler.control.store import read_flags
from strangler.core.model import Config, FlagSourceKind
from strangler.core.snapshot import compile_snapshot
from strangler.errors import UsageError
from strangler.flags import embedded
from strangler.flags.data import NOT_READY, FlagData
from strangler.flags.document import read_document
from strangler.flags.evaluator import Evaluator


def explain(path: Path, method: str, target: str, headers: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """Return where a request would go, by the files alone; the same form as the admin API's answer."""
    config = load.load(path)
    evaluator = Evaluator(on_problem=lambda _flag, _reason: None)
    snapshot = compile_snapshot(config, generation=0, flags=evaluator.apply(flags_of(config)))
    return answer(snapshot, Question(method=method, target=target, headers=tuple(headers)))


def flags_of(config: Config) -> FlagData:
    """Return the flags that an instance would serve by if it started now, without asking any service."""
    match config.flags.source:
        case FlagSourceKind.EMBEDDED:
            return _stored(Path(config.state_dir))
        case FlagSourceKind.FILE:
            return FlagData(version=1, ready=True, document=flag_file(Path(config.flags.file)))
        case FlagSourceKind.LAUNCHDARKLY:
            return NOT_READY


def flag_file(path: Path) -> bytes:
    """Return the document that a flag file means; raises FlagError with all that is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"flags.file: {path} cannot be read ({error.strerror}).") from error
    return read_document(data, path)


def _stored(state_dir: Path) -> FlagData:
    if not (state_dir / "state.db").exists():
        # Because asking must not make a state directory where there is none.
        return embedded.data_of({})
    return embedded.data_of(read_flags(state_dir))
