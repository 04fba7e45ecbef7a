"""The keys of shadowing: what is asked of the other side as well, and what may differ between the answers."""

from strangler.config import kinds, shadow_kinds
from strangler.config.forms import Key, Many, OrOff, Section

RULE = Section(
    name="shadow.rules[]",
    about="What may differ at one place without mattering; exactly one kind of rule.",
    keys=(
        Key(name="ignore", takes=shadow_kinds.PATH, about="Whatever is there, or is not, does not matter."),
        Key(name="unordered", takes=shadow_kinds.PATH, about="The order of the list does not matter."),
        Key(
            name="by",
            takes=shadow_kinds.MEMBER,
            about="For `unordered`: the member that says which elements belong together.",
            default="those that are equal",
        ),
        Key(name="round", takes=shadow_kinds.PATH, about="Numbers are rounded first, half to even."),
        Key(name="decimals", takes=shadow_kinds.DECIMALS, about="For `round`, required there: decimals that are kept."),
        Key(name="numeric", takes=shadow_kinds.PATH, about="`1` and `1.0` are the same number."),
        Key(
            name="within", takes=shadow_kinds.PATH, about="Times may differ: ISO 8601, or an epoch in s, ms, us or ns."
        ),
        Key(name="tolerance", takes=kinds.DURATION, about="For `within`, required there: how far times may be apart."),
        Key(name="uuid", takes=shadow_kinds.PATH, about="Any UUID is as good as any other."),
        Key(name="lower", takes=shadow_kinds.PATH, about="The case of letters does not matter."),
        Key(name="map", takes=shadow_kinds.PATH, about="Some values mean the same as others."),
        Key(
            name="values",
            takes=shadow_kinds.VALUES,
            about="For `map`, required there: `{A: active}`, or pairs such as `[[1, active], [2, null]]`.",
        ),
    ),
    rules={
        "oneOf": [{"required": [kind]} for kind in shadow_kinds.KINDS],
        "dependentRequired": {
            "by": ["unordered"],
            **{key: [kind] for kind, key in shadow_kinds.NEEDS.items()},
            **{kind: [key] for kind, key in shadow_kinds.NEEDS.items()},
        },
    },
)

RECORD = Section(
    name="shadow.record",
    about="Reads and their answers that are kept, sealed, to be asked again: `strangler replay`, `shadow export`.",
    keys=(
        Key(name="keep", takes=shadow_kinds.KEPT, about="How many, of as many kinds as there are.", default="200"),
        Key(name="bytes", takes=kinds.SIZE, about="How much of them, `1KiB` to `64MiB`.", default="4MiB"),
        Key(name="for", takes=shadow_kinds.AGE, about="How long, `1m` to `30d`.", default="7d"),
    ),
)

SHADOW = Section(
    name="shadow",
    about="What is asked of the other side as well, and compared; and whether writes go to both sides.",
    keys=(
        Key(
            name="mode",
            takes=shadow_kinds.MODE,
            about="Whose requests: `shadow` those that the monolith answers, `reverse` those that the extracted side "
            "answers, `both`, `stage` what a migration flag says, or `off`. The stage of such a flag goes before all "
            "but `off`.",
            default="shadow",
        ),
        Key(
            name="writes",
            takes=kinds.BOOLEAN,
            about="Whether a write is sent to the other side too, once the answering side has carried it out. Each "
            "route declares it for itself.",
            default="false",
        ),
        Key(
            name="redirects",
            takes=shadow_kinds.REDIRECTS,
            about="What 300, 301 and 302 in answer to a write say: `carried_out` where they follow a success alone, "
            "or `in_doubt`: such a write is listed and not sent. With `writes: true`.",
            default="in_doubt",
        ),
        Key(
            name="sample",
            takes=kinds.SHARE,
            about="Share of the reads; `0%` with `writes: true` alone.",
            default="100%",
        ),
        Key(
            name="noise",
            takes=kinds.SHARE,
            about="Of those, the share whose answering side is asked a second time, to know what differs from itself.",
            default="2%",
        ),
        Key(
            name="max_body",
            takes=kinds.SIZE,
            about="A body of a request or an answer that is compared; at most `8MiB`.",
            default="1MiB",
        ),
        Key(name="timeout", takes=kinds.DURATION, about="For the other side's answer; at most `60s`.", default="5s"),
        Key(
            name="credentials",
            takes=shadow_kinds.CREDENTIALS,
            about="Whether the client's credentials are sent along: `keep`, `remove`, or "
            "`{header: NAME, env: VARIABLE}`, which has the header sent instead, with an environment "
            "variable's value, whose name begins with SHADOW_.",
            default="keep",
        ),
        Key(
            name="headers",
            takes=shadow_kinds.HEADERS,
            about="An answer's headers that are compared; `[]` compares none.",
            default="[location, content-type]",
        ),
        Key(
            name="redact",
            takes=shadow_kinds.PATHS,
            about="Places whose values are never kept; those of `defaults` too.",
            default="none",
        ),
        Key(name="record", takes=OrOff(section=RECORD), about=RECORD.about, default="off"),
        Key(
            name="rules",
            takes=Many(section=RULE),
            about="What may differ without mattering; those of `defaults` too, and before these.",
            default="none",
        ),
    ),
)
