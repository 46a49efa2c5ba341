"""What the grammar refuses: what it is, and what to write instead.

None of these texts quotes the file, because a line may contain a secret.
"""

from __future__ import annotations

import re

from teleport_bootstrap import regex
from teleport_bootstrap.hints import NamedTuple


class Refusal(NamedTuple):
    """A message that says what was found, and a hint that says what to write instead."""

    message: str
    hint: str


_PLAIN_DOLLAR = "write \\$ or use single quotes for a dollar sign that is meant literally"
_ONE_LINE_EACH = "give each assignment its own line"
_QUOTE_IT = "put the value in single quotes if the character is part of it"

COMMAND_SUBSTITUTION = Refusal(
    "a command substitution $(…), which would run a command", f"write its result; {_PLAIN_DOLLAR}"
)
BACKTICK = Refusal(
    "a command substitution in backticks, which would run a command",
    "write its result, or use single quotes for backticks that are meant literally",
)
ARITHMETIC = Refusal("an arithmetic expansion", f"write its result; {_PLAIN_DOLLAR}")
PARAMETER_EXPANSION = Refusal(
    "a parameter expansion other than ${NAME}", f"write the value, or ${{NAME}} alone; {_PLAIN_DOLLAR}"
)
SPECIAL_PARAMETER = Refusal(
    "a reference to a parameter of the shell, such as $1, $@ or $$", f"write the value; {_PLAIN_DOLLAR}"
)
ANSI_C_QUOTE = Refusal("a quote $'…' with escapes", "use plain quotes, and the characters themselves")
LOCALE_QUOTE = Refusal('a quote $"…" for translation', 'use "…" without the dollar sign')
TILDE = Refusal("a ~ where bash expands it to a home directory", "write the whole path, or put the ~ in single quotes")
BRACES = Refusal("a { after export, where bash expands braces", "quote the value, or leave out export")
ARRAY = Refusal("an array", "write a plain value; variables here are single values")
ARRAY_ELEMENT = Refusal("an assignment to an element of an array", "write NAME=value; variables here are single values")
APPENDING = Refusal("an assignment that appends, +=", 'write NAME="$NAME…" instead')
SEPARATOR = Refusal("a ; between commands", f"{_ONE_LINE_EACH}; {_QUOTE_IT}")
BACKGROUND = Refusal("a & that would run a command in the background", _QUOTE_IT)
AND_OR = Refusal("a list of commands joined with && or ||", f"{_ONE_LINE_EACH}; {_QUOTE_IT}")
PIPE = Refusal("a | that would pipe one command into another", _QUOTE_IT)
HERE_DOCUMENT = Refusal(
    "a here-document", "quote the value; from a whole user-data script, keep only the lines of its here-document"
)
REDIRECTION = Refusal("a redirection", _QUOTE_IT)
PROCESS_SUBSTITUTION = Refusal("a process substitution, which would run a command", _QUOTE_IT)
PARENTHESIS = Refusal("an unquoted parenthesis", _QUOTE_IT)
SUBSHELL = Refusal("a group of commands", "keep only assignments in this file")
FUNCTION = Refusal("a function", "keep only assignments in this file; nothing in it is run")
UNTERMINATED_SINGLE = Refusal(
    "a single quote that is never closed", "close it with another ', or put a value that holds one in double quotes"
)
UNTERMINATED_DOUBLE = Refusal(
    "a double quote that is never closed", 'close it with another ", or put a value that holds one in single quotes'
)
BACKSLASH_AT_END = Refusal("a backslash at the end of the file", "remove it")
CARRIAGE_RETURN = Refusal("a carriage return within a line", "remove it; only one at the end of a line is ignored")
CONTROL_CHARACTER = Refusal("a control character", "remove it; no value can contain one")
COMPOUND = Refusal(
    "a condition or loop", "keep only assignments in this file; decide in the user-data which ones to write"
)
DECLARATION = Refusal("a declaration", "write NAME=value alone")
EXPORT_OPTION = Refusal("an option of export", "write export NAME=value, or NAME=value alone")
EXPORT_NAME = Refusal("export of a name without a value", "write export NAME=value, or NAME=value alone")
EXPORT_NOTHING = Refusal("export without an assignment", "write export NAME=value, or NAME=value alone")
EXPORT_QUOTED = Refusal(
    "export of something that is not NAME=value", "write export NAME=value; only the value can be quoted"
)
EXPORT_AFTER_ASSIGNMENT = Refusal(
    "export after an assignment on the same line", f"write export first; {_ONE_LINE_EACH}"
)
BLANK_AROUND_EQUALS = Refusal(
    "a blank next to =, which makes bash see a command", "write NAME=value without a blank on either side of ="
)
COMMAND = Refusal("a command, which is never run", "write NAME=value, or begin the line with # for a comment")
COMMAND_AFTER_ASSIGNMENT = Refusal(
    "a command after an assignment, which is never run",
    'put a value with blanks in quotes, NAME="…"; begin a comment with #',
)
NAME = Refusal(
    "a name that is not valid for a variable",
    "a name has ASCII letters, digits and underscores, and does not begin with a digit",
)
QUOTED_NAME = Refusal("a name that is quoted, in whole or in part", "write NAME=value; only the value can be quoted")
COLON = Refusal("a name with a colon instead of =", "write NAME=value")
VALUE_SIZE = Refusal("a value that is too long", "write a shorter value: at most 64 KiB each, and 1 MiB together")

COMMAND_WORDS = {
    **dict.fromkeys(("if", "then", "else", "elif", "fi", "case", "esac", "select", "test", "[", "[[", "!"), COMPOUND),
    **dict.fromkeys(("for", "while", "until", "do", "done", "time"), COMPOUND),
    **dict.fromkeys(("{", "}"), SUBSHELL),
    "function": FUNCTION,
    **dict.fromkeys(("declare", "typeset", "readonly", "local", "let", "alias"), DECLARATION),
    "set": Refusal("set, a command", "write NAME=value alone"),
    "setx": Refusal("setx, a command of Windows", "write NAME=value alone"),
    "unset": Refusal("unset, a command", "remove the assignment, or write NAME= to leave the variable empty"),
    **dict.fromkeys(("source", "."), Refusal("a command that reads another file", "write the assignments here")),
}


def reference(name: str) -> Refusal:
    """Return the refusal of `$NAME` that nothing earlier sets; `name` is empty if it may be secret."""
    what = f"a reference to {name}, which" if name else "a reference to a variable that"
    return Refusal(f"{what} no earlier line of this file sets", f"assign it above; {_PLAIN_DOLLAR}")


def swallowing_quote(line: int) -> Refusal:
    """Return the refusal of a quote that goes over the next assignment, so that one on `line` is never closed."""
    return Refusal(
        f"a quote that continues over the next assignment, so that the one on line {line} is never closed",
        f"close it on this line, or close the one on line {line}",
    )


# Names that mean something to bash or to the programs it starts, so that assigning them does more than set a value.
# From "Shell Variables" in bash's manual and the table of special variables in its source (variables.c). Some cannot
# be assigned (UID), some do not keep what they are given (RANDOM), some change what later lines mean (IFS). The names
# of the system loader and the locale are here because any program started with them behaves differently.
_SPECIAL_NAMES = frozenset(
    """
    CDPATH CHILD_MAX COLUMNS COMPREPLY COPROC COPROC_PID DIRSTACK EMACS ENV EPOCHREALTIME EPOCHSECONDS EUID
    EXECIGNORE FCEDIT FIGNORE FUNCNAME FUNCNEST GCONV_PATH GETCONF_DIR GLIBC_TUNABLES GLOBIGNORE GLOBSORT GROUPS
    HISTCMD HISTCONTROL HISTFILE HISTFILESIZE HISTIGNORE HISTSIZE HISTTIMEFORMAT HOME HOSTALIASES HOSTFILE HOSTNAME
    HOSTTYPE IFS IGNOREEOF INPUTRC INSIDE_EMACS LANG LANGUAGE LINENO LINES LOCALDOMAIN LOCPATH MACHTYPE MAIL
    MAILCHECK MAILPATH MAPFILE NIS_PATH NLSPATH OLDPWD OPTARG OPTERR OPTIND OSTYPE PATH PIPESTATUS POSIXLY_CORRECT
    POSIX_PEDANTIC PPID PROMPT_COMMAND PROMPT_DIRTRIM PS0 PS1 PS2 PS3 PS4 PWD RANDOM REPLY RES_OPTIONS SECONDS SHELL
    SHELLOPTS SHLVL SRANDOM TERM TERMCAP TERMINFO TEXTDOMAIN TEXTDOMAINDIR TIMEFORMAT TMOUT TMPDIR TZ TZDIR UID _
    auto_resume histchars ignoreeof
    """.split()  # noqa: SIM905 - a list would take a page
)
_SPECIAL_PREFIXES = ("BASH", "COMP_", "LC_", "LD_", "MALLOC_", "READLINE_")


def for_special_name(name: str) -> Refusal | None:
    """Return the refusal of an assignment to `name` if that does more in bash than set a plain variable."""
    if name not in _SPECIAL_NAMES and not name.startswith(_SPECIAL_PREFIXES):
        return None
    return Refusal(f"an assignment to {name}, which has a meaning of its own to the shell", "choose another name")


_ASSIGNMENT_LIKE = (
    (regex.compile("[A-Za-z_][A-Za-z0-9_]*\\+=", re.ASCII), APPENDING),
    (regex.compile("[A-Za-z_][A-Za-z0-9_]*\\[", re.ASCII), ARRAY_ELEMENT),
    (regex.compile("[^=:]*:([^/=][^=]*)?$"), COLON),
    (regex.compile("[^=]+="), NAME),
)


def for_near_assignment(opening: str) -> Refusal | None:
    """Return the refusal of a word that only resembles an assignment, by its unquoted beginning."""
    if opening and not opening[0].isprintable():
        return Refusal(f"an invisible character, U+{ord(opening[0]):04X}", "remove it")
    for pattern, refusal in _ASSIGNMENT_LIKE:
        if pattern.match(opening):
            return refusal
    return None
