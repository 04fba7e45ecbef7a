"""Values of a routes file: how they are drawn, and how they are written."""

from hypothesis import strategies as st

from strangler.core.model import Source, SourceKind

Document = dict[str, object]

tokens = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)
durations = st.integers(1, 86_400_000).map(lambda milliseconds: milliseconds / 1000)
tries = st.integers(1, 1_000)
sources = st.one_of(
    st.builds(Source, kind=st.sampled_from([SourceKind.HEADER, SourceKind.COOKIE]), name=tokens),
    st.builds(Source, kind=st.sampled_from([SourceKind.JWT, SourceKind.QUERY]), name=tokens),
    st.just(Source(kind=SourceKind.IP)),
)


def duration(seconds: float) -> str:
    """Return seconds as the file says them."""
    return f"{round(seconds * 1000)}ms"


def source(source: Source) -> str:
    """Return a source as the file says it."""
    return f"{source.kind.value} {source.name}".strip()


def given(**values: object) -> Document:
    """Return the values that say something."""
    return {name: value for name, value in values.items() if value}
