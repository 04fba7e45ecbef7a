"""Misfits: why a query or a body is not what an operation takes, in words, with its place."""

import re

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMS = (
    (r"Object missing required field `(.+)`", "`{place}{0}` is missing."),
    (r"Object contains unknown field `(.+)`", "`{place}{0}` is not known here."),
    (r"Expected `(?:int|float)` >=? (\S+)", "{where} has to be at least {0}."),
    (r"Expected `(?:int|float)` <=? (\S+)", "{where} has to be at most {0}."),
    (r"Expected `str` of length >= 1", "{where} is empty."),
    (r"Expected `str` of length >= (\d+)", "{where} needs at least {0} characters."),
    (r"Expected `str` of length <= (\d+)", "{where} has more than {0} characters."),
    (r"Expected `array` of length <= (\d+)", "{where} has more than {0} elements."),
    (r"Expected `array` of (?:at least )?length (?:>= )?(\d+)(?:, got \d+)?", "{where} needs {0} elements."),
    (r"Expected `str` matching regex '\\\\S'", "{where} is blank."),
    (
        r"Expected `str` matching regex '\^\[a-z0-9\]\[a-z0-9\._@-\].*",
        "{where} is not of the form that it needs: a letter of a-z or a digit, and then at most 63 of a-z, 0-9, `.`, "
        "`_`, `@` and `-`, such as `ci` or `ann@example.org`.",
    ),
    (
        r"Expected `str` matching regex '\^\[0-9a-f\]\{64\}.*",
        "{where} is not of the form that it needs: 64 digits of 0-9 and a-f, as GET /api/v1/config answers it.",
    ),
    (r"Expected `str` matching regex .*", "{where} is not of the form that it needs."),
    (r"Invalid enum value (.+)", "{where} takes no {0}."),
)


def told(message: str) -> str:
    """Return what msgspec says of a value that does not fit, as a person would; what is not known here as it is."""
    text, _, path = message.partition(" - at `$")
    path = path.removesuffix("`").removeprefix(".")
    place, where = (f"{path}.", f"`{path}`") if path else ("", "What was sent")
    for form, words in _FORMS:
        if found := re.fullmatch(form, text):
            return words.format(*found.groups(), place=place, where=where)
    if found := re.fullmatch(r"Expected `(.+)`, got `(\w+)`", text):
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in found[1].split(" | "))
        return f"{where} has to be {wanted}, and is {_KINDS.get(found[2], found[2])}."
    return message
