"""A tuple that knows which threads went through it."""

import threading
from collections.abc import Iterator
from typing import TypeVar

T_co = TypeVar("T_co", covariant=True)


class Watched(tuple[T_co, ...]):
    """Equal to any tuple of the same values."""

    threads: set[int]

    def __iter__(self) -> Iterator[T_co]:
        """Note who asks, and iterate."""
        self.__dict__.setdefault("threads", set()).add(threading.get_ident())
        return super().__iter__()
