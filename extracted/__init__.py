"""The extracted services of the demo: status, notifications, users and payments, each with a database of its own.

They know nothing of the proxy and nothing of the monolith. What they share among themselves is in the modules here:
`serving` and `wiring` (a process, an application), `callers`, `problems`, `reading` (the contract's edges), `tracing`,
`requestlog`, `faults` and `seed`. Some of it reads like the monolith's own code, because the contract is the same and
the roots may not import each other. Where each service differs on purpose: docs/demo-divergences.md.
"""
