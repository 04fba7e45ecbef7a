"""Settings that hold from start to end."""

from dataclasses import replace

from strangler.core.model import Address, Config, FlagSettings, FlagSourceKind
from strangler.runtime import settings
from strangler.runtime.settings import Overrides

CONFIG = Config(upstreams=(), default_upstream="monolith", workers=2, state_dir="/state")


def test_the_command_line_goes_before_the_file() -> None:
    listen = Address(host="::1", port=1)

    made = settings.effective(CONFIG, Overrides(listen=listen, workers=0))

    assert made == replace(CONFIG, listen=listen, workers=0)


def test_what_needs_a_restart_is_named_and_the_rest_is_taken_over() -> None:
    wanted = replace(
        CONFIG,
        default_upstream="other",
        access_log=100,
        listen=Address(host="::1", port=1),
        admin=Address(host="::1", port=2),
        workers=5,
        state_dir="/elsewhere",
        flags=FlagSettings(source=FlagSourceKind.FILE, file="/f"),
    )

    held, differing = settings.hold(CONFIG, wanted)

    assert differing == ("listen", "admin", "workers", "state_dir", "flags")
    assert held == replace(CONFIG, default_upstream="other", access_log=100)
