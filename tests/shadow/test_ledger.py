"""The ledger: bounded, redacted, and fair to a side whose answers cannot be read."""

import msgspec

from strangler.core.comparison import Comparison, Difference, Kind, Obstacle, Place, Result
from strangler.core.findings import MOST_EXAMPLES, MOST_GROUPS, Findings
from strangler.core.known import MAX_KNOWN
from strangler.core.noise import Nature
from strangler.core.offer import Answer
from strangler.shadow.ledger import Ledger
from tests.shadow.test_comparer import offer

SHADOW = Answer(status=200, headers=(), body=b"")


def ledger() -> Ledger:
    return Ledger("users", 1_000.0, b"s" * 32)


def different(*places: Place) -> Comparison:
    found = tuple(Difference(kind=Kind.VALUE, place=place, primary=1, shadow=2) for place in places)
    return Comparison(result=Result.DIFFERENT, differences=found)


def test_a_group_keeps_its_first_examples_and_counts_on() -> None:
    kept = ledger()
    for number in range(MOST_EXAMPLES + 5):
        kept.add(offer(), SHADOW, different(("fee",)), None, 1_000.0 + number)
    (group,) = kept.findings().groups
    assert (group.count, group.first, group.last) == (MOST_EXAMPLES + 5, 1_000.0, 1_000.0 + MOST_EXAMPLES + 4)
    assert [example.at for example in group.examples] == [1_000.0 + number for number in range(MOST_EXAMPLES)]


def test_groups_are_bounded_and_what_finds_no_room_is_counted() -> None:
    kept = ledger()
    for number in range(MOST_GROUPS + 3):
        kept.add(offer(), SHADOW, different((f"member{'x' * number}",)), None, 1_000.0)
    findings = kept.findings()
    assert (len(findings.groups), findings.uncounted, findings.different) == (MOST_GROUPS, 3, MOST_GROUPS + 3)


def test_a_place_is_named_without_the_cards_and_addresses_in_its_names() -> None:
    kept = ledger()
    kept.add(offer(), SHADOW, different(("card 4111111111111111 of ann@example.com",)), None, 1_000.0)
    (group,) = kept.findings().groups
    assert "4111" not in repr(group)
    assert "ann@" not in repr(group)


def test_a_second_answer_that_cannot_be_read_says_nothing_of_noise() -> None:
    kept = ledger()
    unread = Comparison(result=Result.NOT_COMPARABLE, obstacle=Obstacle.CORRUPT)
    kept.add(offer(), SHADOW, different(("fee",)), unread, 1_000.0)
    findings = kept.findings()
    assert (findings.asked_twice, findings.groups[0].raw_only) == (0, 0)


def test_a_name_that_is_a_secret_of_the_same_exchange_is_not_told_as_a_place() -> None:
    kept = ledger()
    bearer = offer(b'{"sessions":{"abc-def-ghi":1}}', headers=((b"Authorization", b"Bearer abc-def-ghi"),))
    for _ in range(2):
        there = different(("sessions", "abc-def-ghi"), ("fee",))
        kept.add(bearer, SHADOW, there, there, 1_000.0)
    groups = {group.place: (group.count, group.both) for group in kept.findings().groups}
    assert groups == {"$.fee": (2, 2), "$.sessions.[known]": (2, 2)}


def test_nothing_below_a_secret_or_a_redacted_path_is_told_as_a_place() -> None:
    kept = ledger()
    kept.redact(("$.users",))
    kept.add(offer(), SHADOW, different(("users", "alice-smith", "x"), ("tokens", "tok_live_abcdef")), None, 1_000.0)
    kept.add(offer(), SHADOW, different(("users",), ("tokens",)), None, 1_000.0)
    assert {group.place for group in kept.findings().groups} == {
        "$.users..[*]", "$.tokens..[*]", "$.users", "$.tokens",
    }  # fmt: skip


def test_names_of_cookies_and_what_only_has_a_cookies_word_in_it_stay_places() -> None:
    kept = ledger()
    for cookie in (b"currency=EUR; plan=premium", b""):
        client = offer(headers=((b"Cookie", cookie),) if cookie else ())
        kept.add(client, SHADOW, different(("currency",), ("premium_until",)), None, 1_000.0)
    assert {group.place: group.count for group in kept.findings().groups} == {"$.currency": 2, "$.premium_until": 2}


def test_an_exchange_with_more_secrets_than_are_looked_for_leaves_no_example() -> None:
    kept = ledger()
    crowded = "; ".join(f"track{at:05}=value{at:05}" for at in range(MAX_KNOWN + 1)).encode()
    kept.add(offer(headers=((b"Cookie", crowded),)), SHADOW, different(("fee",), ("u17x",)), None, 1_000.0)
    assert {group.place: group.examples for group in kept.findings().groups} == {"$.fee": (), "$.[known]": ()}


def test_groups_keep_their_rank_over_a_restart_and_those_of_an_earlier_version_come_after_what_was_there() -> None:
    first, second = ledger(), ledger()
    for place in ("fee", "at"):
        first.add(offer(), SHADOW, different((place,)), None, 1_000.0)
    old = first.findings()
    second.recall(msgspec.json.decode(msgspec.json.encode(old).replace(b'"rank":', b'"former":'), type=Findings))
    second.add(offer(), SHADOW, different(("id",)), None, 1_000.0)

    again = ledger()
    again.recall(second.findings())

    assert {group.place: group.rank for group in old.groups} == {"$.fee": 1, "$.at": 2}
    ranks = {group.place: group.rank for group in again.findings().groups}
    assert (sorted((ranks["$.fee"], ranks["$.at"])), ranks["$.id"]) == ([1, 2], 3)


def test_a_second_answer_of_another_status_says_nothing_of_noise_in_the_body() -> None:
    kept = ledger()
    busy = Comparison(result=Result.DIFFERENT, differences=(Difference(kind=Kind.STATUS, primary=200, shadow=429),))
    for _ in range(20):
        kept.add(offer(), SHADOW, different(("at",)), busy, 1_000.0)
    at = next(group for group in kept.findings().groups if group.place == "$.at")
    assert (at.count, at.raw_only, at.nature) == (20, 0, Nature.UNDECIDED)


def test_what_was_sent_in_place_of_the_clients_credentials_is_nowhere_where_the_answer_repeats_it() -> None:
    kept = ledger()
    found = Difference(kind=Kind.VALUE, place=("said",), primary="nothing", shadow="you are own-secret-17")
    answer = Answer(status=200, headers=(), body=b'{"said":"you are own-secret-17"}')
    there = Comparison(result=Result.DIFFERENT, differences=(found,))
    kept.add(offer(), answer, there, None, 1_000.0, own=(("X-Api-Key", "own-secret-17"),))
    (group,) = kept.findings().groups
    assert group.examples
    assert "own-secret" not in repr(group)
