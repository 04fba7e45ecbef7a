"""What a file may say, and what its operator is told about it."""

from pathlib import Path

from tests.support.proxy import routes_text, running
from tests.support.waiting import until

PLAIN = routes_text(monolith=1, workers=0)
BELIEVING = PLAIN.replace(
    'extracted: {url: "http://127.0.0.1:1"}', 'extracted: {url: "https://a", tls: {verify: false}}'
)


async def test_an_upstream_that_is_not_verified_is_warned_about_at_the_start_and_at_a_reload(tmp_path: Path) -> None:
    async with running(tmp_path, BELIEVING) as proxy:
        await until(lambda: len(proxy.events("config_warning")) == 1)
        proxy.routes.write_text(PLAIN)
        await until(lambda: len(proxy.events("config_accepted")) == 1)
        proxy.routes.write_text(BELIEVING)
        await until(lambda: len(proxy.events("config_accepted")) == 2)
        warnings = proxy.events("config_warning")

    assert len(warnings) == 2
    assert all("extracted" in warning["warning"] and "verify: false" in warning["warning"] for warning in warnings)
