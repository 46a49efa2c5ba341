"""Names that mean something to bash or to the programs it starts, so that assigning them does more than set a value.

From "Shell Variables" in bash's manual and the table of special variables in its source (variables.c). Some cannot
be assigned (UID), some do not keep what they are given (RANDOM), some change what later lines mean (IFS). The names of
the system loader and the locale are here because any program started with them behaves differently.
"""

from __future__ import annotations

_NAMES = frozenset(
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
_PREFIXES = ("BASH", "COMP_", "LC_", "LD_", "MALLOC_", "READLINE_")


def is_special(name: str) -> bool:
    """Whether assigning `name` would do more in bash than setting a plain variable."""
    return name in _NAMES or name.startswith(_PREFIXES)
