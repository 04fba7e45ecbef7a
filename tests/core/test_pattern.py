"""Path templates: what is written is what is matched, and what cannot be meant is refused with a remedy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.normalise import normal
from strangler.core.pattern import MAX_SEGMENTS, Segment, SegmentKind, Template, parse_template

literals = st.from_regex(r"[A-Za-z0-9\-_~!$&'()+,=:@]{1,6}", fullmatch=True)
parameters = st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,4}", fullmatch=True), unique=True, max_size=4)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Template]:
    """Draw a template's text, and what it means."""
    parts: list[str] = []
    segments: list[Segment] = []
    for name in draw(parameters):
        if draw(st.booleans()):
            text = draw(literals)
            parts.append(text)
            segments.append(Segment(kind=SegmentKind.LITERAL, text=text))
        parts.append(f"{{{name}}}")
        segments.append(Segment(kind=SegmentKind.ONE))
    match draw(st.sampled_from(["literal", "slash", "rest"])):
        case "literal":
            text = draw(literals)
            parts.append(text)
            segments.append(Segment(kind=SegmentKind.LITERAL, text=text))
        case "slash":
            parts.append("")
            segments.append(Segment(kind=SegmentKind.LITERAL))
        case _:
            parts.append("{the_rest...}")
            segments.append(Segment(kind=SegmentKind.REST))
    return "/" + "/".join(parts), Template(tuple(segments))


@given(written())
def test_a_template_means_what_is_written(pair: tuple[str, Template]) -> None:
    text, template = pair

    assert parse_template(text) == template


@given(st.text() | st.text(alphabet="/{}.%;*?#aA12é", max_size=20).map(lambda text: "/" + text))
def test_any_text_is_a_template_in_normal_form_or_a_value_error(text: str) -> None:
    try:
        template = parse_template(text)
    except ValueError as error:
        assert "; " in str(error), "a fault names its remedy"
        return

    literal = "/" + "/".join(segment.text for segment in template.segments if segment.kind is SegmentKind.LITERAL)
    assert len(template.segments) <= MAX_SEGMENTS
    assert normal(literal.encode("ascii")) == literal


def test_parameters_names_do_not_matter_for_matching() -> None:
    assert parse_template("/a/{id}/{rest...}") == parse_template("/a/{name}/{more...}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "a path starts with `/`; write `/a`"),
        ("", "a path starts with `/`; write `/`"),
        ("/a?b", "a path has no query and no fragment; leave out what follows the `?` or `#`"),
        ("/a#b", "a path has no query and no fragment; leave out what follows the `?` or `#`"),
        ("/a//b", "a path has no empty segments (`//`); write one `/`"),
        ("/{}", "`{}` is not a parameter; write a name of letters, digits and `_`, as in `{id}`"),
        ("/{a-b}", "`{a-b}` is not a parameter; write a name of letters, digits and `_`, as in `{id}`"),
        ("/{id}/{id}", "`{id}` stands twice; give each parameter a name of its own"),
        ("/{all...}/a", "`{all...}` takes all the rest; put it at the end"),
        ("/v{n}", "`v{n}` mixes text and a parameter; a parameter is a whole segment, as in `/a/{id}`"),
        ("/a}", "`a}` mixes text and a parameter; a parameter is a whole segment, as in `/a/{id}`"),
        ("/*", "`*` is not a wildcard here; write `{name}` for one segment or `{name...}` for the rest"),
        ("/a b", "`a b` has characters that a path does not; percent-encode them"),
        ("/a;b", "`a;b` has characters that a path does not; percent-encode them"),
        ("/é", "`é` has characters that a path does not; percent-encode them"),
        ("/%41/{id}/{all...}", "paths are matched in their normal form; write `/A/{id}/{all...}`"),
        ("/a/{id}/../b", "paths are matched in their normal form; write `/a/b`"),
        ("/a%2fb", "paths are matched in their normal form; write `/a%2Fb`"),
        ("/100%", "paths are matched in their normal form; write `/100%25`"),
        ("/a" * 65, "a path has at most 64 segments; end the template with `{rest...}`"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_template(text)

    assert str(caught.value) == message


def test_a_template_may_be_as_deep_as_any_path_that_is_looked_up() -> None:
    assert len(parse_template("/a" * MAX_SEGMENTS).segments) == MAX_SEGMENTS
