"""shadow is the comparer: it asks the other side what a client was answered already, and compares."""
