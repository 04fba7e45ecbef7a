"""Schema: the tables that the notifications service owns."""

SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY);
CREATE TABLE notifications (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES accounts, channel TEXT NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, created_at TEXT NOT NULL, read_at TEXT
);
CREATE INDEX notifications_by_user ON notifications (user_id, id);
"""
