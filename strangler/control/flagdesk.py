"""The flag desk: what the admin API shows of flags, and the one way to change those that this proxy keeps itself."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from strangler.config.changes import Change
from strangler.config.textdiff import unified
from strangler.control.answers import ProblemError, missing
from strangler.control.dryrun import Foreseen, Prepared, Served, added, changed, removed
from strangler.control.pace import paced
from strangler.control.truth import Truth
from strangler.errors import UsageError
from strangler.flags.data import FlagData
from strangler.flags.edit import Edit, Replace, parse_edit
from strangler.flags.embedded import Draft, EmbeddedSource
from strangler.flags.listing import summary_of
from strangler.flags.source import FlagSource
from strangler.flags.summary import FlagSummary
from strangler.flags.validate import cautions, faults

MISSING = "flag_missing"


class FlagDesk:
    """Shows the flags that are served, and edits the embedded ones."""

    def __init__(self, truth: Truth, source: FlagSource) -> None:
        self._truth = truth
        self._source = source
        self._read: tuple[FlagData, Mapping[str, Any]] | None = None
        """The flags that were served when they were last read, and what they are."""
        self._summaries: dict[str, tuple[Any, FlagSummary]] = {}
        """Of each flag the definition that was last summarised, and its summary."""

    async def catalogue(self) -> Mapping[str, Any]:
        """Return all flags, summarised; broken ones are listed as invalid."""
        # Because the truth may change between two pieces, all of it is of this moment.
        source, version, flags = self._truth.config.flags.source.value, self._truth.flags.version, self._flags()
        found = [self._summary(key, flags[key]) async for key in paced(sorted(flags))]
        self._summaries = {key: self._summaries[key] for key in flags if key in self._summaries}
        return {"source": source, "version": version, "flags": tuple(found)}

    def show(self, key: str) -> Mapping[str, Any] | None:
        """Return one flag, whole and summarised; None if there is none."""
        flag = self._flags().get(key)
        return None if flag is None else {"flag": flag, "summary": self._summary(key, flag)}

    def _summary(self, key: str, flag: Any) -> FlagSummary:
        known = self._summaries.get(key)
        # Because a flag that has not changed is the same object mostly, it is compared in no time.
        if known is None or (known[0] is not flag and known[0] != flag):
            known = self._summaries[key] = (flag, summary_of(key, flag))
        return known[1]

    def change(
        self, key: str, change: str | Mapping[str, Any], *, may_create: bool = False, who: str, why: str
    ) -> Prepared:
        """Prepare a change of one flag, by an operator's word or a whole definition. Raises FlagError and UsageError.

        A word makes a flag that is not there yet if a route, or another flag, names it; else only if it `may_create`
        one: a key that nobody names is a slip until somebody says otherwise. It gives the flag as it is then.
        """
        source = self._own()
        if isinstance(change, str) and not may_create:
            self._check_named(key)
        edit: Edit = parse_edit(change) if isinstance(change, str) else Replace(flag=change)
        draft = source.draft(key, edit)
        told = [*self._unused(key), *self._unmoved(draft), *cautions(draft.flag)]

        def carry_out() -> Mapping[str, Any]:
            source.keep(draft, by=who, why=why.strip())
            self._read = draft.data, draft.flags
            return {**(self.show(key) or {}), "cautions": told, "changed": draft.is_change}

        return Prepared(
            carry_out=carry_out, foresee=lambda: self._foreseen(draft, told, is_whole=isinstance(edit, Replace))
        )

    async def _foreseen(self, draft: Draft, told: Sequence[str], *, is_whole: bool) -> Foreseen:
        before, summary = self.show(draft.key), summary_of(draft.key, draft.flag)
        diff: tuple[str, ...] = ()
        if is_whole and before is not None:
            # Because a summary says little of targets and rules, a definition is compared as a text, beside the loop.
            diff = await asyncio.to_thread(_diff, draft.key, before["flag"], draft.flag)
        return Foreseen(
            answer={"flag": draft.flag, "summary": summary, "cautions": told, "changed": draft.is_change},
            changes=_changes(draft.key, None if before is None else before["summary"], summary),
            notes=tuple(told),
            diff=diff,
            served=Served(flags=draft.data),
        )

    def delete(self, key: str, *, who: str, why: str) -> Prepared:
        """Prepare to delete a flag that nothing needs; it gives what it was. Raises UsageError while something names
        it."""
        source = self._own()
        found = self.show(key)
        if found is None:
            raise self.missing(key)
        routes = [route.name for route in self._truth.config.routes if route.flag == key]
        if routes:
            raise UsageError(
                f"The flag `{key}` decides for {_listed('route', routes)}, and without it they would be the "
                f"monolith's: take `flag: {key}` out of the routes file first."
            )
        flags = self._wanting(key)
        if flags:
            raise UsageError(
                f"The flag `{key}` is a prerequisite of {_listed('flag', flags)}: take it out of `prerequisites` there "
                "first, with `strangler flags set KEY --definition FILE`."
            )
        answer = {"key": key, "flag": found["flag"]}

        def carry_out() -> Mapping[str, Any]:
            flags = self._flags()
            source.delete(key, by=who, why=why.strip())
            self._read = source.data(), {other: flag for other, flag in flags.items() if other != key}
            return answer

        gone = removed("flag", key, **_glance(found["summary"]))
        return Prepared(carry_out=carry_out, foresee=lambda: Foreseen(answer=answer, changes=(gone,)))

    def missing(self, key: str) -> ProblemError:
        """Return the 404 of a flag that there is not."""
        return missing("flag", key, sorted(self._flags()), code=MISSING)

    def _own(self) -> EmbeddedSource:
        if isinstance(self._source, EmbeddedSource):
            return self._source
        kind = self._truth.config.flags.source.value
        raise UsageError(f"Flags come from {kind}, so they are changed there and followed here.")

    def _flags(self) -> Mapping[str, Any]:
        """Return what is served, read once for all who ask."""
        data = self._truth.flags
        if self._read is None or self._read[0] is not data:
            self._read = data, json.loads(data.document)["flags"]
        return self._read[1]

    def _check_named(self, key: str) -> None:
        """Raise the 404 of a flag that there is not, unless a route or another flag names it."""
        flags, routes = self._flags(), self._truth.config.routes
        known = {*flags, *(route.flag for route in routes if route.flag is not None)}
        if key not in known and not self._wanting(key):
            lacks = (
                'is known, and no route names it. To make it all the same, say so: `"create": true`, or `--create` '
                "on the command line"
            )
            raise missing("flag", key, sorted(known), code=MISSING, lacks=lacks)

    def _wanting(self, key: str) -> list[str]:
        """Return the flags that have this one as a prerequisite; one that cannot be served wants nothing."""
        return [
            other
            for other, flag in self._flags().items()
            # Because checking all of thousands takes long, only those that could want it are checked.
            if isinstance(flag, dict)
            and flag.get("prerequisites")
            and not faults(other, flag)
            and any(one["key"] == key for one in flag["prerequisites"])
        ]

    def _unmoved(self, draft: Draft) -> Iterator[str]:
        """Warn of routes that a share does not reach: the kill switch and guards go before every flag."""
        routes = [route for route in self._truth.config.routes if route.flag == draft.key]
        if not routes or summary_of(draft.key, draft.flag).served_bp == 0:
            return
        overrides = self._truth.overrides
        if overrides.is_killed:
            yield "the kill switch is on, so nothing moves until it is off: `strangler kill off`"
        caps = dict(overrides.caps)
        if taken := [route for route in routes if route.name in caps]:
            names = _listed("route", [route.name for route in taken])
            comes_back = any(route.rollback is not None and route.rollback.cooldown is not None for route in taken)
            until = "the cool-down and its probe are over, or a reset" if comes_back else "a reset"
            yield f"taken back, so not moved until {until}: {names}; `strangler reset {taken[0].name}`"

    def _unused(self, key: str) -> tuple[str, ...]:
        """Warn of a flag that moves nothing: it may be for a route to come, or a prerequisite, or misspelt."""
        known = {route.flag for route in self._truth.config.routes if route.flag is not None}
        if key in known:
            return ()
        near = get_close_matches(key, sorted(known), n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        return (f"no route names the flag `{key}`, so it moves no traffic.{hint}",)


def _listed(noun: str, names: Sequence[str]) -> str:
    """Return names as they stand in a sentence."""
    return f"the {noun if len(names) == 1 else noun + 's'} {', '.join(f'`{name}`' for name in names)}"


def _changes(key: str, before: FlagSummary | None, after: FlagSummary) -> tuple[Change, ...]:
    """Return what becomes of a flag, as it is read at a glance."""
    if before is None:
        return (added("flag", key, **_glance(after)),)
    old, new = _glance(before), _glance(after)
    return changed("flag", key, **{name: (old[name], new[name]) for name in old})


def _glance(summary: FlagSummary) -> Mapping[str, Any]:
    return {
        "kind": summary.kind.value,
        "on": summary.on,
        "share": None if summary.served_bp is None else f"{summary.served_bp / 100:.10g}%",
        "stages": {stage: f"{share_bp / 100:.10g}%" for stage, share_bp in summary.stages.items()},
        "rules": summary.rules,
        "targets": summary.targets,
    }


def _diff(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    old, new = (json.dumps(flag, indent=2, sort_keys=True) + "\n" for flag in (before, after))
    return tuple(unified(old, new, Path(key)))
