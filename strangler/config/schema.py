"""The form of a routes file as JSON Schema, for editors; made from the same table that the reader uses."""

from strangler.config import kinds
from strangler.config.forms import Key, Many, OrOff, Reference, Section, Split
from strangler.config.keys import ROOT
from strangler.config.kind import Kind, Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Schema:
    """Return the schema; it accepts what the reader accepts, and tells unknown keys and wrong types.

    What needs the whole file (references, sums, conflicts) only `strangler check` can tell.
    """
    return {"$schema": DIALECT, "title": "strangler routes file", **_section(ROOT)}


def _section(section: Section) -> Schema:
    return {
        "type": "object",
        "description": section.about,
        "properties": {key.name: _key(key) for key in section.keys},
        "required": [key.name for key in section.keys if key.required],
        "additionalProperties": False,
        **section.rules,
    }


def _key(key: Key) -> Schema:
    about = f"{key.about} Default: {key.default}." if key.default else key.about
    return {**_form(key), "description": about}


def _form(key: Key) -> Schema:
    match key.takes:
        case Kind() as kind:
            return kind.schema
        case Section() as section:
            return _section(section)
        case OrOff(section=section, also=also):
            words = {"anyOf": [{"type": "object"}, {"enum": ["off", False, *also]}]}
            return {**_section(section), "type": ["object", "string", "boolean"], **words}
        case Many(section=section, named=True):
            names = {"pattern": f"^{kinds.NAME}$"}
            return {"type": "object", "propertyNames": names, "additionalProperties": _section(section)}
        case Many(section=section):
            return {"type": "array", "items": _section(section)}
        case Reference():
            return kinds.NAMED.schema
        case Split():
            sides = {"type": "object", "additionalProperties": kinds.SHARE.schema}
            return {**sides, "minProperties": 2, "maxProperties": 2}
