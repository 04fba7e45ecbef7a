"""What shadowing costs: clients' latency with it on and off, comparisons a second, comparing beside parsing.

Reading order: `__main__` (the command), `paired` (on and off in turns), `ranks` (what a ratio may be), `throughput`,
`documents`; `instance` is the proxy, `sides` are the two backends, `report` is how it is told.
"""
