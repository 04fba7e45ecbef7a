"""Schema: the tables that the users service owns."""

SCHEMA = """
CREATE TABLE users (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, phone TEXT, country TEXT NOT NULL,
  plan TEXT NOT NULL, password_hash BLOB NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE TABLE permissions (
  user_id INTEGER NOT NULL REFERENCES users, position INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (user_id, position), UNIQUE (user_id, name)
);
CREATE TABLE kyc_cases (
  user_id INTEGER PRIMARY KEY REFERENCES users, status TEXT NOT NULL, level INTEGER NOT NULL, reviewed_at TEXT
);
CREATE TABLE kyc_documents (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES kyc_cases, kind TEXT NOT NULL,
  country TEXT NOT NULL, number_end TEXT NOT NULL, submitted_at TEXT NOT NULL
);
CREATE INDEX kyc_documents_by_user ON kyc_documents (user_id);
"""
