"""proxy is the data plane: what a worker does with each byte."""
