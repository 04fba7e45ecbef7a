"""Board: how the platform fares, for everybody to see.

The service's one divergence (docs/demo-divergences.md): its table keeps `uptime_percent` as text, so the answer has it
as a string; the monolith's has a number.
"""

from aiohttp import web

from extracted.database import Database


class Status:
    """The endpoints of this area."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints with their handlers."""
        return [web.get("/api/status", self.read)]

    async def read(self, _: web.Request) -> web.Response:
        """Answer with all components and the incidents, latest first."""
        components = self._database.rows("SELECT name, state, uptime_percent FROM components ORDER BY position")
        incidents = self._database.rows(
            "SELECT id, component, summary, started_at, resolved_at FROM incidents ORDER BY id DESC LIMIT 20"
        )
        healthy = all(component["state"] == "operational" for component in components)
        return web.json_response(
            {
                "status": "operational" if healthy else "degraded",
                "components": components,
                "incidents": incidents,
            }
        )
