"""Migrations: the state store's tables, one step per schema version; a step that was released never changes."""

STEPS = (
    """
    CREATE TABLE flags (
        key        TEXT PRIMARY KEY,
        document   TEXT NOT NULL,
        version    INTEGER NOT NULL,
        updated_at REAL NOT NULL,
        updated_by TEXT NOT NULL
    );

    CREATE TABLE flag_cache (
        fingerprint TEXT PRIMARY KEY,
        document    BLOB NOT NULL,
        updated_at  REAL NOT NULL
    );

    CREATE TABLE changes (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        at      REAL NOT NULL,
        who     TEXT NOT NULL,
        what    TEXT NOT NULL,
        subject TEXT NOT NULL,
        before  TEXT,
        after   TEXT
    );

    CREATE TRIGGER changes_are_not_updated BEFORE UPDATE ON changes
    BEGIN SELECT RAISE(ABORT, 'changes are append-only'); END;

    CREATE TRIGGER changes_are_not_deleted BEFORE DELETE ON changes
    BEGIN SELECT RAISE(ABORT, 'changes are append-only'); END;
    """,
    """
    DROP TABLE changes;

    CREATE TABLE audit (
        seq      INTEGER PRIMARY KEY,
        at       REAL NOT NULL,
        who      TEXT NOT NULL,
        what     TEXT NOT NULL,
        subject  TEXT NOT NULL,
        why      TEXT NOT NULL,
        before   TEXT,
        after    TEXT,
        evidence TEXT,
        prev     TEXT NOT NULL,
        hash     TEXT NOT NULL
    );

    CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

    CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

    CREATE TABLE guards (
        route      TEXT PRIMARY KEY,
        document   TEXT NOT NULL,
        updated_at REAL NOT NULL
    );

    CREATE TABLE kill_switch (
        id         INTEGER PRIMARY KEY CHECK (id = 1),
        is_on      INTEGER NOT NULL,
        updated_at REAL NOT NULL
    );
    """,
    """
    CREATE TABLE shadow_findings (
        route    TEXT PRIMARY KEY,
        findings TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE recordings (
        route      TEXT NOT NULL,
        id         TEXT NOT NULL,
        shape      TEXT NOT NULL,
        size       INTEGER NOT NULL,
        at         REAL NOT NULL,
        keep_until REAL NOT NULL,
        sealed     BLOB NOT NULL,
        PRIMARY KEY (route, id)
    );
    """,
    """
    CREATE TABLE endpoints (
        method   TEXT NOT NULL,
        template TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (method, template)
    );

    CREATE TABLE burn_down (
        day      INTEGER PRIMARY KEY,
        document TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE tokens (
        id         TEXT PRIMARY KEY,
        name       TEXT NOT NULL,
        role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator')),
        digest     BLOB NOT NULL,
        created_at REAL NOT NULL,
        created_by TEXT NOT NULL,
        expires_at REAL,
        revoked_at REAL
    );

    CREATE TABLE sessions (
        digest   BLOB PRIMARY KEY,
        token    TEXT NOT NULL,
        began_at REAL NOT NULL,
        ends_at  REAL NOT NULL
    );
    """,
    """
    CREATE TABLE divergences (
        id             TEXT PRIMARY KEY,
        at             REAL NOT NULL,
        route          TEXT NOT NULL,
        primary_side   TEXT NOT NULL,
        why            TEXT NOT NULL,
        status         INTEGER NOT NULL,
        primary_status INTEGER NOT NULL,
        method         TEXT NOT NULL,
        path           TEXT NOT NULL,
        request_id     TEXT NOT NULL,
        sealed         BLOB NOT NULL,
        tries          INTEGER NOT NULL DEFAULT 0,
        settled_at     REAL
    );

    CREATE INDEX divergences_by_time ON divergences (settled_at, at, id);

    CREATE TABLE divergences_unlisted (
        route TEXT PRIMARY KEY,
        count INTEGER NOT NULL,
        first REAL NOT NULL,
        last  REAL NOT NULL
    );
    """,
)
"""Step n takes a store from `user_version` n to n + 1."""
