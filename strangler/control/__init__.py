"""control owns the truth and the admin port: store, metrics, auth, api."""
