"""From counts to ratios."""

import pytest

from bench.figures import Measure, Ratio, Round, Spread, order, ratios
from bench.subjects import Proxy


def _round(**cpu_us: float) -> Round:
    return {
        Proxy[name]: Measure(
            proxy=Proxy[name],
            requests=1_000,
            seconds=1.0,
            cpu_s=us / 1_000,
            beside_s=0.0,
            core_s=0.0,
            p50_ms=1.0,
            p99_ms=2.0,
        )
        for name, us in cpu_us.items()
    }


def test_a_ratio_is_the_median_of_the_ratios_within_each_round() -> None:
    rounds = [
        _round(STRANGLER=40, PART_1=40, PLAIN=200, NGINX=20),
        _round(STRANGLER=80, PART_1=64, PLAIN=400, NGINX=20),
        _round(STRANGLER=60, PART_1=80, PLAIN=100, NGINX=20),
    ]

    then, plain, nginx = ratios(rounds)

    assert then == Ratio(other=Proxy.PART_1, value=Spread(median=1.0, lowest=0.75, highest=1.25), target=1.1)
    assert plain == Ratio(other=Proxy.PLAIN, value=Spread(median=0.2, lowest=0.2, highest=0.6), target=0.5)
    assert nginx == Ratio(other=Proxy.NGINX, value=Spread(median=3.0, lowest=2.0, highest=4.0), target=2.5)
    assert (then.is_met, plain.is_met, nginx.is_met) == (True, True, False)


def test_what_was_not_measured_has_no_ratio() -> None:
    rounds = [_round(STRANGLER=40, PLAIN=200, NGINX=20)]

    assert [ratio.other for ratio in ratios(rounds)] == [Proxy.PLAIN, Proxy.NGINX]


def test_every_proxy_is_first_as_often_as_any_other() -> None:
    orders = [order(tuple(Proxy), number) for number in range(2 * len(Proxy))]

    assert [each[0] for each in orders] == [*Proxy, *Proxy]
    assert all(sorted(each) == sorted(Proxy) for each in orders)


@pytest.mark.parametrize(("cpu_s", "requests", "expected"), [(0.5, 10_000, 50.0), (3.0, 100_000, 30.0)])
def test_cpu_a_request_is_in_microseconds(cpu_s: float, requests: int, expected: float) -> None:
    measure = Measure(
        proxy=Proxy.NGINX, requests=requests, seconds=3.0, cpu_s=cpu_s, beside_s=0.0, core_s=0.0, p50_ms=1.0, p99_ms=1.0
    )

    assert measure.cpu_us == pytest.approx(expected)
