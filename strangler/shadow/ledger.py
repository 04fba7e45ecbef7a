"""The ledger of one route: what its comparisons have shown. Nothing that comes in here is kept raw."""

from strangler.core import noise
from strangler.core.comparison import Comparison, Difference, Kind, Result
from strangler.core.crowd import Crowd, Entry
from strangler.core.findings import MOST_EXAMPLES, Example, Findings, Group
from strangler.core.grouping import GroupKey, group_key, printable
from strangler.core.jsonpath import parse_path
from strangler.core.learning import learn_message
from strangler.core.model import Side
from strangler.core.noise import Pairs
from strangler.core.offer import Answer, Drop, Fields, Offer
from strangler.core.pairing import pairs_of
from strangler.core.redaction import Redaction, Redactor


class Ledger:
    """Counts, groups and examples."""

    def __init__(self, route: str, now: float, salt: bytes, compares: str = "") -> None:
        """`salt` is a secret of this process; with it a redacted value cannot be found by trying."""
        self.compares = compares
        """What was compared (core.compared.digest_of); empty where that is not known."""
        self._route = route
        self._since = now
        self._last = 0.0
        self._results = dict.fromkeys(Result, 0)
        self._asked_twice = 0
        self._no_answer: dict[str, dict[str, int]] = {}
        self._dropped: dict[str, int] = {}
        self._obstacles: dict[str, int] = {}
        self._crowd = Crowd()
        self._redaction = Redaction()
        self._salt = salt
        self._has_news = True

    def redact(self, paths: tuple[str, ...]) -> None:
        """Keep no value that these paths name, beside those that are never kept."""
        self._redaction = Redaction(paths=tuple(map(parse_path, paths)))

    def recall(self, kept: Findings) -> None:
        """Go on from what was found before."""
        self.compares = kept.compares
        self._since, self._last, self._asked_twice = kept.since, kept.last, kept.asked_twice
        self._results = {
            Result.EQUAL: kept.equal,
            Result.IGNORED: kept.ignored,
            Result.DIFFERENT: kept.different,
            Result.NOT_COMPARABLE: kept.not_comparable,
        }
        self._dropped, self._obstacles = dict(kept.dropped), dict(kept.obstacles)
        self._no_answer = {side: dict(reasons) for side, reasons in kept.no_answer.items()}
        entries = (((group.place, group.kind), _entry(group)) for group in kept.groups)
        self._crowd = Crowd(entries, replaced=kept.replaced, uncounted=kept.uncounted)
        self._has_news = True

    def miss(self, side: Side, why: Drop, now: float) -> None:
        """Count an answer that the shadowed side did not give."""
        reasons = self._no_answer.setdefault(side.value, {})
        reasons[why] = reasons.get(why, 0) + 1
        self._last = now
        self._has_news = True

    def drop(self, why: Drop, count: int) -> None:
        """Count what was not compared."""
        self._dropped[why] = self._dropped.get(why, 0) + count
        self._has_news = True

    def add(
        self,
        offer: Offer,
        shadow: Answer,
        compared: Comparison,
        again: Comparison | None,
        now: float,
        own: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Take one comparison, and of a request that was asked twice how the answering side differed from itself.

        `own`: what the shadowed side was sent in place of the client's credentials, none of which is kept.

        Raises MemoryError before anything of it was counted, if there is no room to look it through for secrets.
        """
        is_read = self._has_strangers(now, compared, again) or self._wants_example(compared)
        redactor = self._redactor(offer, shadow, own) if is_read else None
        self._has_news = True
        self._last = now
        self._results[compared.result] += 1
        if compared.obstacle is not None:
            self._obstacles[compared.obstacle] = self._obstacles.get(compared.obstacle, 0) + 1
        seen: dict[GroupKey, Difference] = {}
        for difference in compared.differences:
            seen.setdefault(self._key(difference, redactor), difference)
        is_pair = again is not None and Result.NOT_COMPARABLE not in (compared.result, again.result)
        itself = set() if again is None or not is_pair else {self._key(found, redactor) for found in again.differences}
        # Because what has more secrets than are looked for may have one of them in any value.
        is_safe = redactor is None or not redactor.is_full
        self._crowd.admit(seen.keys() | itself, now)
        for key, difference in seen.items():
            entry = self._crowd.count(key, now)
            if entry is not None and len(entry.examples) < MOST_EXAMPLES and redactor is not None and is_safe:
                entry.examples = (*entry.examples, _example(offer, difference, redactor, now))
        if again is None or not is_pair:
            return
        self._asked_twice += 1
        for key, told in pairs_of(compared, again, lambda found: self._key(found, redactor)).items():
            entry = self._crowd.get(key)
            if entry is not None:
                entry.pairs += told

    def take_news(self) -> bool:
        """Return whether anything came since the last call."""
        has_news, self._has_news = self._has_news, False
        return has_news

    def findings(self) -> Findings:
        """Return all that is known."""
        groups = [self._group(key, entry) for key, entry in self._crowd]
        return Findings(
            route=self._route,
            since=self._since,
            last=self._last,
            equal=self._results[Result.EQUAL],
            ignored=self._results[Result.IGNORED],
            different=self._results[Result.DIFFERENT],
            not_comparable=self._results[Result.NOT_COMPARABLE],
            asked_twice=self._asked_twice,
            no_answer={side: dict(reasons) for side, reasons in self._no_answer.items()},
            dropped=dict(self._dropped),
            obstacles=dict(self._obstacles),
            groups=tuple(sorted(groups, key=lambda group: (-group.count, group.place, group.kind))),
            uncounted=self._crowd.uncounted,
            replaced=self._crowd.replaced,
            compares=self.compares,
        )

    # --- inside

    def _has_strangers(self, now: float, *several: Comparison | None) -> bool:
        """Return whether there are groups that may come in, so that their names have to be looked at."""
        return self._crowd.is_open(now) and any(
            self._crowd.get(self._key(found)) is None for one in several if one is not None for found in one.differences
        )

    def _wants_example(self, compared: Comparison) -> bool:
        entries = (self._crowd.get(self._key(found)) for found in compared.differences)
        return any(entry is not None and len(entry.examples) < MOST_EXAMPLES for entry in entries)

    def _group(self, key: GroupKey, entry: Entry) -> Group:
        ruling = noise.rule(entry.pairs, rank=entry.rank)
        return Group(
            place=key[0],
            kind=key[1],
            count=entry.count,
            raw_only=entry.pairs.raw_only,
            noise_only=entry.pairs.noise_only,
            both=entry.pairs.both,
            p=ruling.p_value,
            nature=ruling.nature,
            first=entry.first,
            last=entry.last,
            examples=entry.examples,
            rank=entry.rank,
        )

    def _redactor(self, offer: Offer, shadow: Answer, own: tuple[tuple[str, str], ...]) -> Redactor:
        """Return what redacts one record, having seen all of it."""
        redactor = Redactor(self._redaction, self._salt)
        redactor.learn_target(offer.target.decode("latin-1"))
        # Because they are secret under any name.
        learn_message(redactor, (("authorization", value) for _, value in own), b"")
        for fields, body in ((offer.headers, offer.body), *((a.headers, a.body) for a in (offer.answer, shadow))):
            learn_message(redactor, _texts(fields), body)
        return redactor

    def _key(self, difference: Difference, redactor: Redactor | None = None) -> GroupKey:
        """Return a group's key without the names that are secrets of this exchange; the same for all of them."""
        if redactor is None:
            return group_key(difference, self._redaction.paths)
        return group_key(difference, self._redaction.paths, redactor.hides)


def _entry(group: Group) -> Entry:
    pairs = Pairs(raw_only=group.raw_only, noise_only=group.noise_only, both=group.both)
    return Entry(
        count=group.count,
        pairs=pairs,
        first=group.first,
        last=group.last,
        examples=group.examples,
        weight=group.count,
        rank=group.rank,
    )


def _example(offer: Offer, difference: Difference, redactor: Redactor, now: float) -> Example:
    primary, shadow = redactor.difference(difference)
    return Example(
        at=now,
        request_id=redactor.text(offer.request_id.decode("latin-1")),
        method=offer.method.decode("latin-1"),
        path=redactor.target(offer.target.decode("latin-1")),
        # Because `null` would be a value.
        primary="" if difference.kind is Kind.EXTRA else printable(primary),
        shadow="" if difference.kind is Kind.MISSING else printable(shadow),
    )


def _texts(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
