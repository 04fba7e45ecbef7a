"""The stand-in monolith: one aiohttp application over one SQLite database, as a team would find it.

It knows nothing of the proxy and nothing of the extracted services; they share the HTTP contract alone.
The map: `wiring` puts the application together; `users`, `kyc`, `payments`, `invoices`, `payroll`, `notifications` and
`status` are its areas; `admin` draws the pages that stay on it to the end; `schema` and `seed` make its data.
"""
