"""The benchmark does what it says; how fast anything is, is not tested here."""
