"""Secrets: what must not be stored, found in plain text and told by the names that it stands under."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator

Mark = Callable[[str, str], str]
"""Returns what stands for a secret, given what it is and its text."""

MARK = re.compile(r"\[redacted [a-z]+ [0-9a-f]{16}\]")
"""What stands for a secret that was found before."""

_SQUASHED = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "privatekey",
    "signingkey", "credential", "authorization", "authentication", "cookie", "sessionid", "csrf", "xsrf", "iban",
    "cardnumber", "creditcard", "accountnumber", "accountno", "routingnumber", "sortcode", "socialsecurity",
    "taxid", "securitycode", "passport", "signature",
)  # fmt: skip
"""Anywhere in a name once everything but letters and digits is taken out of it."""
_WORDS = frozenset(
    ("pwd", "pass", "pin", "ssn", "cvv", "cvc", "cvv2", "cvc2", "csc", "pan", "otp", "totp", "jwt", "auth", "bearer",
     "sid", "sig", "dob", "session", "tan", "puk")
)  # fmt: skip
"""A whole word of a name, because `spinning` is no PIN."""
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_PARAMETERS = frozenset(("key", "code"))
"""Of a query alone: there they are an API's key and a sign-in's code, in a document any key and any code."""
_HEADERS = re.compile(
    r"(?:x-)?api-key|x-amz-security-token|forwarded|x-(?:original-)?forwarded-for|x-real-ip|x-appengine-user-ip"
    r"|(?:.*-)?(?:client-?ip|connecting-ip(?:v6)?|socketip)|x-envoy-external-address",
    re.IGNORECASE,
)

_ADDRESSES = frozenset(("forwarded", "x-forwarded-for", "x-real-ip"))
"""Who the client is, is no credential."""

_GAPS = r" .\-_/\u00a0\u2007\u2009\u2010-\u2015\u202f"
_DIGITS = re.compile(rf"(?<![0-9])[0-9](?:[{_GAPS}]?[0-9]){{12,}}")
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ \-\u00a0]?[A-Za-z0-9])")
_IBAN_CHUNK = re.compile(r"[ \-\u00a0]?[A-Za-z0-9]+")
_EMAIL = re.compile(r"(?<![\w.!#$%'*+^`{|}~-])[\w.!#$%'*+^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)*")
_BEARER = re.compile(r"(?<![\w-])(?:bearer|negotiate)(?:\s+|%20|\+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_BASIC = re.compile(r"(?<![\w-])basic(?:\s+|%20|\+)([A-Za-z0-9+/_-]{6,}={0,2})", re.IGNORECASE)
_DOTTED = re.compile(r"(?<![A-Za-z0-9_.-])[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)+")
_JWT_START = "eyJ"
"""`{"` in base64."""
_ISSUED = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    r"|glpat-[\w-]{16,}|[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_\w{16,}|xox[abeprs]-[\w-]{10,}|npm_[A-Za-z0-9]{30,})"
)
"""Keys whose issuers begin them alike so that they are found: AWS, Google, GitHub, GitLab, Stripe, Slack, npm."""
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_NAMED = re.compile(
    r"(?<![\w.\-\[\]%])([\w.\-\[\]%]+)(\\?[\"']?\s*[=:]\s*)"
    r"(\\\"(?:[^\"\\]|\\[^\"])*(?:\\\")?|\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s&;,<>\"'}\\]+)",
    re.DOTALL,
)
"""`name=value`, `name: value` and `"name": "value"`, also in JSON that is cut or stands in a string."""

_ELEMENT = re.compile(r"(<([A-Za-z_][\w:.-]*)(?:\s[^<>]*)?>(?:<!\[CDATA\[)?)([^<>]+)")
"""`<name>value`, of XML."""
_TAG = re.compile(r"<[A-Za-z][^<>]*>")
_ATTRIBUTE = re.compile(r"([\w:-]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)")
_TELLING = frozenset(("name", "id", "type", "property"))
_TOLD = frozenset(("value", "content"))
"""Of a tag: what its value is called, and its value (`<input name="password" value="...">`)."""

_PARAMETER = re.compile(r"([?&])([\w.\-\[\]%]+)=((?!\[redacted )[^\s&;,<>\"'}\\#]+)")
"""Of a query, wherever a URL stands."""

_CARD_LENGTHS = range(19, 12, -1)
_CARD_STARTS = "23456"
"""Mastercard, Amex, Diners, JCB, Visa, Discover, UnionPay; 1 is left to times in milliseconds."""


def is_secret_name(name: str) -> bool:
    """Return whether what stands under a name, of a member, a parameter or a header, is secret."""
    squashed = "".join(character for character in name.lower() if character.isalnum())
    return any(part in squashed for part in _SQUASHED) or any(word.lower() in _WORDS for word in _WORD.findall(name))


def is_secret_parameter(name: str) -> bool:
    """Return whether what stands under a name in a query is secret."""
    return is_secret_name(name) or name.lower() in _PARAMETERS


def is_secret_header(name: str) -> bool:
    """Return whether a header's value is secret: credentials, cookies, keys, and the client's address."""
    return _HEADERS.fullmatch(name) is not None or is_secret_name(name)


def is_credential(name: str) -> bool:
    """Return whether a request's header may be what lets its client in: a secret one, but for the client's address."""
    return is_secret_header(name) and name.lower() not in _ADDRESSES


def mask_text(text: str, mark: Mark) -> str:
    """Return text with every secret in it marked, and all else as it was."""
    if _KEY_BLOCK.search(text):
        text = _KEY_BLOCK.sub(lambda found: mark("key", found[0]), text)
    text = _DOTTED.sub(lambda found: _masked_jwt(found[0], mark), text)
    text = _BEARER.sub(lambda found: mark("bearer", found[0]), text)
    text = _BASIC.sub(lambda found: mark("basic", found[0]) if _is_basic(found[1]) else found[0], text)
    text = _ISSUED.sub(lambda found: mark("key", found[0]), text)
    text = _names_masked(text, mark)
    text = _EMAIL.sub(lambda found: mark("email", found[0]), text)
    text = _spans_masked(text, list(_ibans(text)), "iban", mark)
    return _spans_masked(text, list(_cards(text)), "card", mark)


def named_in(text: str) -> tuple[str, ...]:
    """Return what stands under the names of secrets in a text."""
    found: list[str] = []

    def mark(_: str, secret: str) -> str:
        found.append(secret)
        return secret

    _names_masked(text, mark)
    return tuple(found)


def is_card(digits: str) -> bool:
    """Return whether digits are a card's number: of its length, its first digit and its check digit (Luhn)."""
    if not 13 <= len(digits) <= 19 or digits[0] not in _CARD_STARTS or not (digits.isascii() and digits.isdigit()):
        return False
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Return whether letters and digits are an IBAN (ISO 13616: 15 to 34 of them, check digits by mod 97)."""
    if not 15 <= len(text) <= 34 or not (text.isascii() and text.isalnum()):
        return False
    moved = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _masked_jwt(dotted: str, mark: Mark) -> str:
    # Because looking for the start anywhere in a run would try the rest of the run again and again.
    at = dotted.partition(".")[0].find(_JWT_START)
    return dotted if at < 0 else dotted[:at] + mark("jwt", dotted[at:])


def _names_masked(text: str, mark: Mark) -> str:
    if "<" in text:
        text = _TAG.sub(lambda found: _masked_tag(found[0], mark), text)
        text = _ELEMENT.sub(lambda found: _masked_element(found, mark), text)
    text = _PARAMETER.sub(lambda found: _masked_parameter(found, mark), text)
    return _NAMED.sub(lambda found: _masked_pair(found, mark), text)


def _masked_tag(tag: str, mark: Mark) -> str:
    told = [(found[1].lower(), found[3].strip("\"'")) for found in _ATTRIBUTE.finditer(tag)]
    if not any(name in _TELLING and is_secret_name(value) for name, value in told):
        return tag
    return _ATTRIBUTE.sub(
        lambda found: (
            f'{found[1]}{found[2]}"{mark("named", found[3].strip(chr(34) + chr(39)))}"'
            if found[1].lower() in _TOLD
            else found[0]
        ),
        tag,
    )


def _masked_element(found: re.Match[str], mark: Mark) -> str:
    value = found[3].strip()
    return found[1] + mark("named", value) if value and is_secret_name(found[2]) else found[0]


def _masked_parameter(found: re.Match[str], mark: Mark) -> str:
    start, name, value = found.groups()
    return f"{start}{name}={mark('named', value)}" if is_secret_parameter(name) else found[0]


def _masked_pair(found: re.Match[str], mark: Mark) -> str:
    name, gap, value = found.groups()
    if not is_secret_name(name) or MARK.match(found.string, found.start(3)):
        return found[0]
    for quote in ('\\"', '"', "'"):
        if value.startswith(quote):
            inner = value[len(quote) :].removesuffix(quote)
            return f"{name}{gap}{quote}{mark('named', inner)}{quote}"
    return f"{name}{gap}{mark('named', value)}"


def _is_basic(text: str) -> bool:
    try:
        return b":" in b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
    except (Base64Error, ValueError):
        return False


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Yield where cards' numbers are: from one gap to another, so that a long number is not cut to find one."""
    for found in _DIGITS.finditer(text):
        places = [at for at in range(found.start(), found.end()) if text[at].isdigit()]
        starts = [index for index, at in enumerate(places) if not index or places[index - 1] != at - 1]
        ends = {index for index, at in enumerate(places) if index + 1 == len(places) or places[index + 1] != at + 1}
        done = 0
        for start in starts:
            for length in _CARD_LENGTHS if start >= done else ():
                last = start + length - 1
                if last in ends and is_card("".join(text[at] for at in places[start : last + 1])):
                    yield places[start], places[last] + 1
                    done = last + 1
                    break


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    done = 0
    for start in _IBAN_START.finditer(text):
        if start.start() < done:
            continue
        at, letters, best = start.end(), start[0], 0
        while len(letters) < 34 and (chunk := _IBAN_CHUNK.match(text, at)):
            letters += "".join(character for character in chunk[0] if character.isalnum())
            at = chunk.end()
            if is_iban(letters):
                best = at
        if best:
            done = best
            yield start.start(), best


def _spans_masked(text: str, spans: list[tuple[int, int]], what: str, mark: Mark) -> str:
    for start, end in reversed(spans):
        text = text[:start] + mark(what, text[start:end]) + text[end:]
    return text
