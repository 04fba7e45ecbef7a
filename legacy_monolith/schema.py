"""Schema: every area's tables side by side in one database, joined where the monolith joins them."""

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
CREATE TABLE payments (
  id TEXT PRIMARY KEY, from_user INTEGER NOT NULL REFERENCES users, to_user INTEGER NOT NULL REFERENCES users,
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0), fee_cents INTEGER NOT NULL, currency TEXT NOT NULL,
  note TEXT, status TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX payments_by_time ON payments (created_at);
CREATE TABLE transactions (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, kind TEXT NOT NULL,
  payment_id TEXT REFERENCES payments, counterparty INTEGER REFERENCES users, amount_cents INTEGER NOT NULL,
  fee_cents INTEGER NOT NULL, currency TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX transactions_by_user ON transactions (user_id, id);
CREATE TABLE idempotency (
  user_id INTEGER NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, body TEXT NOT NULL,
  created_at TEXT NOT NULL, PRIMARY KEY (user_id, key)
);
CREATE TABLE invoices (
  id INTEGER PRIMARY KEY, issuer INTEGER NOT NULL REFERENCES users, payer INTEGER NOT NULL REFERENCES users,
  currency TEXT NOT NULL, due_on TEXT NOT NULL, payment_id TEXT REFERENCES payments, created_at TEXT NOT NULL
);
CREATE INDEX invoices_by_issuer ON invoices (issuer, id);
CREATE INDEX invoices_by_payer ON invoices (payer, id);
CREATE TABLE invoice_lines (
  invoice_id INTEGER NOT NULL REFERENCES invoices, position INTEGER NOT NULL, description TEXT NOT NULL,
  quantity INTEGER NOT NULL, unit_cents INTEGER NOT NULL, PRIMARY KEY (invoice_id, position)
);
CREATE TABLE payroll_runs (
  id INTEGER PRIMARY KEY, employer INTEGER NOT NULL REFERENCES users, period TEXT NOT NULL, currency TEXT NOT NULL,
  created_at TEXT NOT NULL, UNIQUE (employer, period)
);
CREATE TABLE payroll_items (
  run_id INTEGER NOT NULL REFERENCES payroll_runs, employee INTEGER NOT NULL REFERENCES users,
  amount_cents INTEGER NOT NULL, PRIMARY KEY (run_id, employee)
);
CREATE TABLE notifications (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, channel TEXT NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, created_at TEXT NOT NULL, read_at TEXT
);
CREATE INDEX notifications_by_user ON notifications (user_id, id);
CREATE TABLE components (
  position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, uptime_percent REAL NOT NULL
);
CREATE TABLE incidents (
  id INTEGER PRIMARY KEY, component TEXT NOT NULL REFERENCES components (name), summary TEXT NOT NULL,
  started_at TEXT NOT NULL, resolved_at TEXT
);
"""
