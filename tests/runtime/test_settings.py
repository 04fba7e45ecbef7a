"""Settings that hold from start to end."""

from dataclasses import replace

from strangler.core.model import Address, Config, FlagSettings, FlagSourceKind, KeyPair, ListenerTls
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
        proxy_protocol=True,
    )

    held, differing = settings.hold(CONFIG, wanted)

    assert differing == ("listen", "admin", "workers", "state_dir", "flags", "proxy_protocol")
    assert held == replace(CONFIG, default_upstream="other", access_log=100)


def test_tls_is_switched_on_and_off_by_a_restart_and_changed_without_one() -> None:
    one, two = (ListenerTls(pairs=(KeyPair(cert=name, key=name),)) for name in ("one", "two"))

    assert settings.hold(CONFIG, replace(CONFIG, tls=one)) == (CONFIG, ("tls",))
    assert settings.hold(replace(CONFIG, tls=one), CONFIG) == (replace(CONFIG, tls=one), ("tls",))
    assert settings.hold(replace(CONFIG, tls=one), replace(CONFIG, tls=two)) == (replace(CONFIG, tls=two), ())
