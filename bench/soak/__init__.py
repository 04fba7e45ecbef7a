"""The soak: mixed load through a whole proxy while everything about it changes, and every answer is checked.

Reading order: `__main__` (the command), `run` (who runs beside whom), `schedule` (what is done to the proxy), `clients`
(what is asked of it), `origin` (who answers, and what it did), `ledger` (what was right, explained and not), `proxy`.
"""
