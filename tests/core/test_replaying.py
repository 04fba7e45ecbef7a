"""How what was recorded is asked again and compared."""

from strangler.core.compare import compare
from strangler.core.comparison import Comparison, Difference, Kind, Result
from strangler.core.model import Side
from strangler.core.offer import Answer
from strangler.core.recording import TAKEN_OUT, Recording
from strangler.core.replaying import asked, comparing, is_known_noise
from strangler.core.shadowing import PathRule, RuleKind, Shadow

TYPED = ((b"Content-Type", b"application/json"),)
KEPT = Recording(
    route="users",
    at=1.0,
    side=Side.LEGACY,
    method=b"GET",
    target=b"/users/7",
    headers=((b"Accept", b"*/*"), (b"X-User-Id", b"42")),
    body=b"",
    answer=Answer(status=200, headers=TYPED, body=b'{"id":7}'),
)


def answer(body: bytes) -> Answer:
    return Answer(status=200, headers=TYPED, body=body)


def test_a_read_is_asked_as_it_was_marked_and_under_a_name_that_leads_back() -> None:
    offer = asked(KEPT, "ab12", ())

    assert (offer.method, offer.target, offer.answer, offer.route) == (b"GET", b"/users/7", KEPT.answer, "users")
    assert offer.headers == (*KEPT.headers, (b"X-Request-Id", b"replay-ab12"), (b"X-Strangler-Shadow", b"1"))


def test_an_operators_header_takes_the_place_of_the_recorded_one() -> None:
    offer = asked(KEPT, "ab12", ((b"x-user-id", b"1"), (b"Authorization", b"Bearer x")))

    assert offer.headers[:3] == ((b"Accept", b"*/*"), (b"x-user-id", b"1"), (b"Authorization", b"Bearer x"))


def test_what_was_taken_out_then_or_is_not_to_be_seen_now_makes_no_difference() -> None:
    shadow = Shadow(redact=("$.iban",), rules=(PathRule(kind=RuleKind.LOWER, path="$.name"),))
    how = comparing(shadow, ("$.card",))
    recorded = answer(b'{"card":"%b","iban":"a","name":"A","id":7}' % TAKEN_OUT.encode())

    assert compare(recorded, answer(b'{"card":1,"iban":"b","name":"a","id":7}'), how).result is Result.IGNORED
    assert compare(recorded, answer(b'{"card":1,"iban":"b","name":"a","id":8}'), how).result is Result.DIFFERENT
    assert how.headers == shadow.headers


def test_an_answer_is_noise_only_where_all_that_differs_is_known_as_such() -> None:
    at = Difference(kind=Kind.VALUE, place=("items", 3, "at"), primary=1, shadow=2)
    fee = Difference(kind=Kind.VALUE, place=("fee",), primary=1, shadow=2)
    noisy = frozenset({("$.items[*].at", "value")})

    def of(*differences: Difference, is_cut: bool = False) -> Comparison:
        return Comparison(result=Result.DIFFERENT, differences=differences, is_cut=is_cut)

    assert is_known_noise(of(at, at), noisy)
    assert not is_known_noise(of(at, fee), noisy)
    assert not is_known_noise(of(at, is_cut=True), noisy)
    assert not is_known_noise(of(at), frozenset({("$.items[*].at", "type")}))
    assert not is_known_noise(Comparison(result=Result.EQUAL), noisy)
