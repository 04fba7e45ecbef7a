"""Values of a routes file: how they are drawn."""

from hypothesis import strategies as st

from strangler.core.model import Source, SourceKind

tokens = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)
durations = st.integers(1, 86_400_000).map(lambda milliseconds: milliseconds / 1000)
tries = st.integers(1, 1_000)
sources = st.one_of(
    st.builds(Source, kind=st.sampled_from([SourceKind.HEADER, SourceKind.COOKIE]), name=tokens),
    st.builds(Source, kind=st.sampled_from([SourceKind.JWT, SourceKind.QUERY]), name=tokens),
    st.just(Source(kind=SourceKind.IP)),
)
