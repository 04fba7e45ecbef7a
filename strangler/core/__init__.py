"""core decides: sync, no clock, no dice, no I/O, and no package but two that undo codings. Values in, values out."""
