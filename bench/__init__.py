"""Bench: what a proxied request costs, beside two proxies that everybody has and beside itself at part 1.

Reading order: `__main__` (the command), `comparison` (who is measured, in which order), `subjects` (the proxies),
`past` (part 1 from the history), `load` (wrk), `figures` (from counts to ratios), `report` (how it is told).
`lookup` is a benchmark of its own.
"""
