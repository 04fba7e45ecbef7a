"""core decides: sync, standard library only, no clock, no dice, no I/O. Values in, values out."""
