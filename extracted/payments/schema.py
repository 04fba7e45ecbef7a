"""Schema: the tables that the payments service owns."""

SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY);
CREATE TABLE payments (
  id TEXT PRIMARY KEY, from_user INTEGER NOT NULL REFERENCES accounts, to_user INTEGER NOT NULL REFERENCES accounts,
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0), fee_cents INTEGER NOT NULL, currency TEXT NOT NULL,
  note TEXT, status TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE transactions (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES accounts, kind TEXT NOT NULL,
  payment_id TEXT REFERENCES payments, counterparty INTEGER REFERENCES accounts, amount_cents INTEGER NOT NULL,
  fee_cents INTEGER NOT NULL, currency TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX transactions_by_user ON transactions (user_id, id);
CREATE TABLE idempotency (
  user_id INTEGER NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, body TEXT NOT NULL,
  created_at TEXT NOT NULL, PRIMARY KEY (user_id, key)
);
"""
