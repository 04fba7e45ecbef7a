"""Offline: flags, guards and the kill switch as stored, and what follows from them, when no instance runs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from strangler.config import load
from strangler.control.explain import answer
from strangler.control.settling import caps, settle
from strangler.control.statusapi import Question
from strangler.control.store import read_flags, read_guards
from strangler.core.model import Config, FlagSourceKind
from strangler.core.shares import NO_OVERRIDES, Overrides
from strangler.core.snapshot import compile_snapshot
from strangler.errors import UsageError
from strangler.flags import embedded
from strangler.flags.data import NOT_READY, FlagData
from strangler.flags.document import read_document
from strangler.flags.evaluator import Evaluator


def explain(
    path: Path, state_dir: Path | None, method: str, target: str, headers: Sequence[tuple[str, str]]
) -> Mapping[str, Any]:
    """Return where a request would go, by the files alone; the same form as the admin API's answer.

    As after a start now: trips and the kill switch hold over a restart. A state directory goes before the file's.
    """
    config = load.load(path)
    if state_dir is not None:
        config = replace(config, state_dir=str(state_dir.absolute()))
    evaluator = Evaluator(on_problem=lambda _flag, _reason: None)
    flags = evaluator.apply(flags_of(config))
    snapshot = compile_snapshot(config, generation=0, flags=flags, overrides=_overrides(config))
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


def _overrides(config: Config) -> Overrides:
    """Return what an instance that started now would let go before every flag."""
    state_dir = Path(config.state_dir)
    if not _is_store(state_dir):
        return NO_OVERRIDES
    stored, is_killed = read_guards(state_dir)
    return Overrides(is_killed=is_killed, caps=caps(settle(config, {}, stored, now=time.time()).guarded, {}))


def flag_file(path: Path) -> bytes:
    """Return the document that a flag file means; raises FlagError with all that is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"flags.file: {path} cannot be read ({error.strerror}).") from error
    return read_document(data, path)


def _stored(state_dir: Path) -> FlagData:
    return embedded.data_of(read_flags(state_dir) if _is_store(state_dir) else {})


def _is_store(state_dir: Path) -> bool:
    # Because asking must not make a state directory where there is none.
    return (state_dir / "state.db").exists()
