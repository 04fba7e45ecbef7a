"""`strangler completion`: what a shell needs to complete commands and options, made of the command line itself."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

_SHELLS = ("bash", "zsh", "fish")


def add(commands: Any, epilog: str) -> None:
    """Add the command."""
    about = "print a script that completes commands and options"
    adding = commands.add_parser(
        "completion",
        help=about,
        description="Print a script for a shell: source <(strangler completion bash), the same with zsh after "
        "compinit, or strangler completion fish | source.",
        epilog=epilog,
        allow_abbrev=False,
    )
    adding.add_argument("shell", choices=_SHELLS)
    adding.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    # Because the whole command line has this command in it.
    from strangler.cli import _parser

    print(_SCRIPTS[given.shell](dict(_words("", _parser()))), end="")
    return 0


def _words(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what may follow each command, such as `/flags/set`."""
    found: list[str] = []
    for action in parser._actions:
        found += [option for option in action.option_strings if option.startswith("--")]
        if isinstance(action, argparse._SubParsersAction):
            found += action.choices
            for name, inner in action.choices.items():
                yield from _words(f"{path}/{name}", inner)
        elif not action.option_strings and action.choices:
            found += map(str, action.choices)
    yield path, tuple(found)


def _bash(words: Mapping[str, tuple[str, ...]]) -> str:
    return f"""\
_strangler() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" at="" word words=""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$at/$word" in {_known(words)}) at="$at/$word" ;; esac
    done
    case "$at" in
{_cases(words, 'words="{}"')}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _strangler strangler
"""


def _zsh(words: Mapping[str, tuple[str, ...]]) -> str:
    return f"""\
#compdef strangler
_strangler() {{
    local at="" word
    local -a found
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        case "$at/$word" in {_known(words)}) at="$at/$word" ;; esac
    done
    case "$at" in
{_cases(words, "found=({})")}
    esac
    compadd -a found || _files
}}
compdef _strangler strangler
"""


def _fish(words: Mapping[str, tuple[str, ...]]) -> str:
    known = " ".join(f"'{path}'" for path in words if path)
    cases = "".join(
        f"        case '{path}'\n            printf '%s\\n' {' '.join(found)}\n"
        for path, found in words.items()
        if found
    )
    return f"""\
function __strangler_words
    set -l at ""
    for word in (commandline -opc)[2..-1]
        switch "$at/$word"
            case {known}
                set at "$at/$word"
        end
    end
    switch "$at"
{cases}    end
end
complete -c strangler -a '(__strangler_words)'
"""


def _known(words: Mapping[str, tuple[str, ...]]) -> str:
    return "|".join(path for path in words if path)


def _cases(words: Mapping[str, tuple[str, ...]], form: str) -> str:
    return "\n".join(f'        "{path}") {form.format(" ".join(found))} ;;' for path, found in words.items())


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
