"""Text to meaning: the only place that says YAML; every fault at once, with line and remedy."""
