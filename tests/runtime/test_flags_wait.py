"""How long a start waits for a flag service; time is moved by the test."""

import pytest

from strangler.runtime.instance import FLAGS_WAIT_S, wait_heard


class Time:
    """Passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_a_service_that_says_nothing_is_waited_for_five_seconds_and_no_longer() -> None:
    time = Time()

    heard = await wait_heard(lambda: False, sleep=time.sleep)

    assert not heard
    assert time.now == pytest.approx(FLAGS_WAIT_S)
    assert FLAGS_WAIT_S == 5


@pytest.mark.parametrize("at", [0.0, 0.3, 4.99])
async def test_a_service_that_speaks_is_waited_for_until_then(at: float) -> None:
    time = Time()

    heard = await wait_heard(lambda: time.now >= at, sleep=time.sleep)

    assert heard
    assert time.now == pytest.approx(at, abs=0.06)
