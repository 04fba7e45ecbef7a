"""Bench: what a proxied request costs, beside two proxies that everybody has.

Reading order: `__main__` (the command), `comparison` (who is measured, in which order), `subjects` (the three proxies),
`load` (wrk), `figures` (from counts to ratios), `report` (how it is told). `lookup` is a benchmark of its own.
"""
