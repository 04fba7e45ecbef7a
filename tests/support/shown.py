"""A routes file and its routes, as the admin API of tests shows them."""

from strangler.control.effective import Source
from strangler.control.routesapi import RouteList, RouteShown
from strangler.control.status import of_side
from strangler.control.totals import Total
from strangler.core.model import Side

ROUTES_TEXT = """\
version: 1
upstreams:
  monolith: {url: "http://127.0.0.1:8001", default: true}
  s: {url: "http://127.0.0.1:8104"}
routes:
# what people pay with
- name: pay
  match: {methods: [GET], path: /pay}
  extracted: s
  share: 10%
  shadow: {mode: shadow, sample: 25%}
"""
ROUTES = RouteList(
    routes=(
        RouteShown(
            name="pay",
            methods=("GET",),
            path="/pay",
            hosts=(),
            legacy="monolith",
            extracted="s",
            flag=None,
            cohort="",
            line=7,
            share_bp=1_000,
            wanted_bp=1_000,
            source=Source.SHARE,
            why="The routes file says so.",
            note="",
            sides={side.value: of_side(Total()) for side in Side},
            guard=None,
            shadow=None,
        ),
    ),
    unrouted=of_side(Total()),
)
