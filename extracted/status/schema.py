"""Schema: the tables that the status service owns."""

SCHEMA = """
CREATE TABLE components (
  position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, uptime_percent TEXT NOT NULL
);
CREATE TABLE incidents (
  id INTEGER PRIMARY KEY, component TEXT NOT NULL REFERENCES components (name), summary TEXT NOT NULL,
  started_at TEXT NOT NULL, resolved_at TEXT
);
"""
