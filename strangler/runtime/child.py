"""Children: what every process that control starts does first."""

import signal


def leave_terminal_to_control() -> None:
    """Ignore Ctrl-C and a closed terminal, because control ends its children then; it blocks SIGINT until here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
