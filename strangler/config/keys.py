"""The table of all keys of a routes file: the one truth behind the reader, the JSON Schema and the manual."""

from strangler.config import kinds
from strangler.config.forms import Key, Many, OrOff, Reference, Section, Split
from strangler.config.keys_admin import ADMIN_ACCESS
from strangler.config.keys_listener import LIMITS, TLS
from strangler.config.keys_rollback import IDEMPOTENCY, ROLLBACK, WEBHOOK
from strangler.config.keys_shadow import SHADOW
from strangler.config.keys_upstreams import TIMEOUTS, UPSTREAM
from strangler.core.shadowing import ShadowMode

SECRETS = ("sdk_key", "sdkKey", "sdk-key", "api_key", "api-key", "token", "secret", "password")
"""Names under which people would write what may not stand in a file."""

DEFAULTS = Section(
    name="defaults",
    about="What every route has unless it says otherwise.",
    keys=(
        Key(
            name="identity",
            takes=kinds.IDENTITY,
            about="Where the key that is split by is read; the first source with a value wins.",
            default="header X-User-Id, jwt sub, cookie session, assigned cookie",
        ),
        Key(name="attributes", takes=kinds.ATTRIBUTES, about="Facts about the caller that flag rules may use."),
        Key(
            name="timeouts",
            takes=TIMEOUTS,
            about="For routes; what is left out is as in the file's `timeouts`.",
        ),
        Key(name="host", takes=kinds.HOST_RULE, about="What the upstream sees as Host.", default="preserve"),
        Key(
            name="fallback",
            takes=kinds.FALLBACK,
            about="Which requests the monolith answers when the extracted side fails.",
            default="safe",
        ),
        Key(name="rollback", takes=OrOff(section=ROLLBACK), about="For routes that name an extracted service."),
        Key(
            name="shadow",
            takes=SHADOW,
            about="For routes that shadow, or whose migration flag says so; a mode lets none do so.",
        ),
    ),
)

MATCH = Section(
    name="routes[].match",
    about="Which requests the route is for; all that is written must fit.",
    keys=(
        Key(
            name="path",
            takes=kinds.TEXT,
            about="A path template such as /api/users/{id}.",
            required="path: /api/users/{id}",
        ),
        Key(name="methods", takes=kinds.METHOD_LIST, about="Methods; GET includes HEAD.", default="any"),
        Key(
            name="hosts",
            takes=kinds.HOSTS,
            about="Hosts without port; `*.` stands for leading labels.",
            default="any",
        ),
        Key(
            name="headers",
            takes=kinds.HEADERS,
            about="Headers with exactly this value, or `true` for any value.",
            default="any",
        ),
    ),
)

ROUTE = Section(
    name="routes[]",
    about="One endpoint, or a family of them, and how it is split.",
    keys=(
        Key(
            name="name",
            takes=kinds.NAMED,
            about="Unique; in logs, metrics and on the dashboard.",
            required="name: users.read",
        ),
        Key(
            name="match",
            takes=MATCH,
            about="Which requests it is for.",
            required="match: {path: /api/users/{id}}",
        ),
        Key(
            name="extracted",
            takes=Reference(),
            about="The upstream that replaces the monolith here.",
            default="none",
        ),
        Key(
            name="legacy",
            takes=Reference(),
            about="The upstream that answers for the monolith.",
            default="the default upstream",
        ),
        Key(name="flag", takes=kinds.FLAG, about="The flag that says how far the migration has come."),
        Key(name="share", takes=kinds.SHARE, about="A fixed share for the extracted side.", default="0%"),
        Key(name="split", takes=Split(), about="The same share with both sides written out; together 100 %."),
        Key(name="cohort", takes=kinds.NAMED, about="Routes of one cohort send the same key to the same side."),
        Key(name="identity", takes=kinds.IDENTITY, about="In place of the default.", default="defaults.identity"),
        Key(name="attributes", takes=kinds.ATTRIBUTES, about="In place of the default.", default="defaults.attributes"),
        Key(name="host", takes=kinds.HOST_RULE, about="In place of the default.", default="defaults.host"),
        Key(
            name="timeouts", takes=TIMEOUTS, about="What is left out is as in the default.", default="defaults.timeouts"
        ),
        Key(
            name="fallback",
            takes=kinds.FALLBACK,
            about="In place of the default; `declared` declares that each request may be carried out twice.",
            default="defaults.fallback",
        ),
        Key(
            name="rollback",
            takes=OrOff(section=ROLLBACK),
            about="When its traffic is taken back; what is left out is as in the default.",
            default="defaults.rollback",
        ),
        Key(
            name="shadow",
            takes=OrOff(section=SHADOW, also=tuple(mode for mode in ShadowMode if mode is not ShadowMode.OFF)),
            about="Whether the other side is asked as well and the answers compared. A word is the mode.",
            default="stage with a flag, else off",
        ),
        Key(name="idempotency", takes=IDEMPOTENCY, about=IDEMPOTENCY.about, default="none"),
        Key(
            name="max_body",
            takes=kinds.SIZE_OR_OFF,
            about="A request's body, in place of the listener's limit.",
            default="limits.body_bytes",
        ),
    ),
    rules={
        "allOf": [
            {"not": {"required": ["flag", "share"]}},
            {"not": {"required": ["flag", "split"]}},
            {"not": {"required": ["share", "split"]}},
        ],
        "dependentRequired": {"flag": ["extracted"], "share": ["extracted"], "split": ["extracted"]},
    },
)

FLAGS = Section(
    name="flags",
    about="Where flags come from. Secrets are taken from the environment only.",
    keys=(
        Key(
            name="source",
            takes=kinds.FLAG_SOURCE,
            about="`embedded` (the state store), `file`, or `launchdarkly` (also its Relay Proxy).",
            default="embedded",
        ),
        Key(name="file", takes=kinds.TEXT, about="For `file`: its path, from the folder of the routes file."),
        Key(
            name="base_uri",
            takes=kinds.SERVICE,
            about="For `launchdarkly`: where flags are polled, such as a Relay Proxy.",
            default="LaunchDarkly's own",
        ),
        Key(
            name="stream_uri",
            takes=kinds.SERVICE,
            about="For `launchdarkly`: where flags are streamed.",
            default="LaunchDarkly's own",
        ),
        Key(name="project", takes=kinds.FLAG, about="For `launchdarkly` with `write_back`: the project's key."),
        Key(name="environment", takes=kinds.FLAG, about="For `launchdarkly` with `write_back`: the environment's key."),
        Key(
            name="api_uri",
            takes=kinds.SERVICE,
            about="For `launchdarkly` with `write_back`: the REST API.",
            default="https://app.launchdarkly.com",
        ),
    ),
)

ROOT = Section(
    name="",
    about="Which requests go where, for the strangler routing proxy.",
    keys=(
        Key(name="version", takes=kinds.VERSION, about="The version of this format.", required="version: 1"),
        Key(name="listen", takes=kinds.LISTENER, about="Where clients connect.", default="127.0.0.1:8080"),
        Key(name="admin", takes=kinds.LISTENER, about="Where operators connect.", default="127.0.0.1:9900"),
        Key(name="admin_access", takes=ADMIN_ACCESS, about=ADMIN_ACCESS.about),
        Key(
            name="workers",
            takes=kinds.WORKERS,
            about="Worker processes; `auto` is one per processor, 0 runs all in one process.",
            default="1",
        ),
        Key(
            name="state_dir",
            takes=kinds.TEXT,
            about="Where state is kept, from the folder of the routes file.",
            default=".strangler",
        ),
        Key(
            name="drain_timeout",
            takes=kinds.DURATION,
            about="For requests under way to finish, once a worker takes no more connections.",
            default="25s",
        ),
        Key(
            name="drain_delay",
            takes=kinds.DURATION,
            about="Between failing readiness and taking no more connections, when the proxy stops.",
            default="none",
        ),
        Key(
            name="upstreams",
            takes=Many(section=UPSTREAM, named=True),
            about="The monolith and the services that replace parts of it, by name.",
            required='upstreams: {monolith: {url: "http://HOST:PORT", default: true}}',
        ),
        Key(name="defaults", takes=DEFAULTS, about=DEFAULTS.about),
        Key(
            name="routes",
            takes=Many(section=ROUTE),
            about="The endpoints that are being moved.",
            default="none",
        ),
        Key(name="flags", takes=FLAGS, about=FLAGS.about),
        Key(name="webhooks", takes=Many(section=WEBHOOK), about="Who is told of trips.", default="none"),
        Key(
            name="idempotency_keys",
            takes=kinds.COUNT,
            about="Idempotency keys that are remembered, 48 bytes of disk each.",
            default="1000000",
        ),
        Key(
            name="trusted_proxies",
            takes=kinds.NETWORKS,
            about="Networks whose X-Forwarded-*, Forwarded, X-Request-Id and traceparent are believed.",
            default="none",
        ),
        Key(name="tls", takes=TLS, about=TLS.about, default="none"),
        Key(
            name="proxy_protocol",
            takes=kinds.BOOLEAN,
            about="Whether every connection begins with a PROXY header (v1 or v2) from one of `trusted_proxies`.",
            default="false",
        ),
        Key(
            name="timeouts",
            takes=TIMEOUTS,
            about="For requests that no route names, and for what `defaults` leaves out.",
        ),
        Key(name="limits", takes=LIMITS, about=LIMITS.about),
        Key(
            name="access_log",
            takes=kinds.ACCESS_LOG,
            about="Share of requests that are logged one by one; failures always are.",
            default="off",
        ),
        Key(
            name="decision_header",
            takes=kinds.BOOLEAN,
            about="Whether answers carry X-Strangler-Decision: side, reason and route.",
            default="false",
        ),
        Key(
            name="strict_paths",
            takes=kinds.BOOLEAN,
            about="Whether a path that some servers take for one route and some for another is refused.",
            default="true",
        ),
    ),
)
