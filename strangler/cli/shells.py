"""Shells: the completion script of each, which knows a table of the command line and asks for names alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Spec = str
"""What may stand in a place: `=` and words, `@` and a kind of names to ask for, `file`, `dir`, or nothing known."""

_FIND = """\
__strangler_find() {{
    local word n=0 skip=""
    at="" spec="options" asked=()
    for word in "$@"; do
        [ "$word" = "=" ] && continue
        if [ -n "$skip" ] && [ "${{word#-}}" = "$word" ]; then
            case "$skip" in -c|--config|--state-dir) asked+=("$skip" "$word") ;; esac
            skip=""
            continue
        fi
        skip=""
        case "$at/$word" in {known}) at="$at/$word"; n=0; continue ;; esac
        case "$word" in
            --config=*|--state-dir=*) asked+=("$word") ;;
            -*) case "$at $word" in {taking}) skip="$word" ;; esac ;;
            *) n=$((n + 1)) ;;
        esac
    done
    if [ -n "$skip" ]; then
        spec=""
        case "$at $skip" in
{values}
        esac
    else
        case "$at $n" in
{places}
        esac
    fi
}}
"""
"""For bash and zsh alike: from the words before the cursor to the command (`at`), what may follow, and whose names."""

_BASH = """\
_strangler() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" at spec name words=""
    local -a asked
    [ "$cur" = "=" ] && cur=""
    COMPREPLY=()
    __strangler_find "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"
    case "$cur" in -*) spec="options" ;; esac
    case "$spec" in
        options)
            case "$at" in
{options}
            esac ;;
        "="*) words="${{spec#=}}" ;;
        "@"*) words="$("${{COMP_WORDS[0]/#\\~/$HOME}}" completion "${{spec#@}}" "${{asked[@]}}" 2>/dev/null)" ;;
        file|dir)
            compopt -o filenames 2>/dev/null
            while IFS= read -r name; do
                COMPREPLY+=("$name")
            done < <(compgen -A "${{spec/%dir/directory}}" -- "$cur") ;;
    esac
    for name in $words; do
        [[ $name == "$cur"* ]] && COMPREPLY+=("$name")
    done
    return 0
}}
complete -F _strangler strangler
"""

_ZSH = """\
_strangler() {{
    local at spec
    local -a asked found
    __strangler_find "${{(@)words[2,CURRENT-1]}}"
    case "${{words[CURRENT]}}" in -*) spec="options" ;; esac
    case "$spec" in
        options)
            case "$at" in
{options}
            esac ;;
        "="*) found=(${{=${{spec#"="}}}}) ;;
        "@"*) found=(${{(f)"$("${{words[1]/#\\~/$HOME}}" completion "${{spec#@}}" "${{asked[@]}}" 2>/dev/null)"}}) ;;
        file) _files; return ;;
        dir) _files -/; return ;;
    esac
    compadd -a found
}}
compdef _strangler strangler
"""

_FISH = """\
function __strangler_words
    set -l at ""
    set -l n 0
    set -l skip ""
    set -l asked
    set -l spec options
    set -l cur (commandline -ct)
    set -l typed (commandline -opc)
    set -l program $typed[1]
    set -e typed[1]
    for word in $typed
        if test -n "$skip"; and not string match -q -- '-*' $word
            if contains -- $skip -c --config --state-dir
                set -a asked $skip $word
            end
            set skip ""
            continue
        end
        set skip ""
        switch "$at/$word"
            case {known}
                set at "$at/$word"
                set n 0
                continue
        end
        switch $word
            case '--config=*' '--state-dir=*'
                set -a asked $word
            case '-*'
                switch "$at $word"
                    case {taking}
                        set skip $word
                end
            case '*'
                set n (math $n + 1)
        end
    end
    if test -n "$skip"
        set spec ""
        switch "$at $skip"
{values}
        end
    else
        switch "$at $n"
{places}
        end
    end
    if string match -q -- '-*' "$cur"
        set spec options
    end
    switch "$spec"
        case options
            switch "$at"
{options}
            end
        case '=*'
            string split ' ' -- (string sub -s 2 -- $spec)
        case '@*'
            $program completion (string sub -s 2 -- $spec) $asked 2>/dev/null
        case file
            __fish_complete_path "$cur"
        case dir
            __fish_complete_directories "$cur" ''
    end
end
complete -c strangler -f -a '(__strangler_words)'
"""


@dataclass(slots=True, kw_only=True)
class Table:
    """A command line as its commands are entered, each by its path, such as `/flags/set`."""

    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, Spec] = field(default_factory=dict)
    """By path and option, of options that take a value."""
    places: dict[str, Spec] = field(default_factory=dict)
    """By path and number of the argument, from 0; `*` in its place is any."""


def _bash(table: Table) -> str:
    return _found(table) + _BASH.format(options=_options(table, 'words="{}"'))


def _zsh(table: Table) -> str:
    return "#compdef strangler\n" + _found(table) + _ZSH.format(options=_options(table, "found=({})"))


def _fish(table: Table) -> str:
    def cases(specs: Mapping[str, Spec]) -> str:
        return "\n".join(
            f"            case {_patterns(patterns, ' ', _quoted)}\n                set spec '{spec}'"
            for spec, patterns in _by_spec(specs)
        )

    options = "\n".join(
        f"                case '{path}'\n                    printf '%s\\n' {' '.join(words)}"
        for path, words in table.options.items()
    )
    return _FISH.format(
        known=_patterns(filter(None, table.options), " ", _quoted),
        taking=_patterns(_short(table.values), " ", _quoted),
        values=cases(_short(table.values)),
        places=cases(table.places),
        options=options,
    )


def _found(table: Table) -> str:
    def cases(specs: Mapping[str, Spec]) -> str:
        return "\n".join(
            f'            {_patterns(patterns, "|", _escaped)}) spec="{spec}" ;;' for spec, patterns in _by_spec(specs)
        )

    return _FIND.format(
        known=_patterns(filter(None, table.options), "|", _escaped),
        taking=_patterns(_short(table.values), "|", _escaped),
        values=cases(_short(table.values)),
        places=cases(table.places),
    )


def _options(table: Table, form: str) -> str:
    return "\n".join(
        f'                "{path}") {form.format(" ".join(words))} ;;' for path, words in table.options.items()
    )


def _short(values: Mapping[str, Spec]) -> Mapping[str, Spec]:
    """Return the same with one pattern for an option that is alike in all commands."""
    several: dict[str, set[Spec]] = {}
    for place, spec in values.items():
        several.setdefault(place.rpartition(" ")[2], set()).add(spec)
    return {
        (f"* {option}" if len(several[option := place.rpartition(" ")[2]]) == 1 else place): spec
        for place, spec in values.items()
    }


def _by_spec(specs: Mapping[str, Spec]) -> Iterable[tuple[Spec, list[str]]]:
    found: dict[Spec, list[str]] = {}
    for place, spec in specs.items():
        found.setdefault(spec, []).append(place)
    return found.items()


def _patterns(places: Iterable[str], between: str, quoted: Callable[[str], str]) -> str:
    return between.join(map(quoted, places))


def _quoted(place: str) -> str:
    return f"'{place}'"


def _escaped(place: str) -> str:
    # Because a star is one only where it is not quoted.
    return "*".join(f'"{part}"' if part else "" for part in place.split("*"))


SCRIPTS: Mapping[str, Callable[[Table], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
