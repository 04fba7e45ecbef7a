"""The operator's place with very many routes: what control, the command line and the dashboard take of it."""
