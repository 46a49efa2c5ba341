"""The language stays plain: words that are out, names that say nothing, and parameters with a fixed name.

Each word has its replacement next to it; the glossary is in docs/contributing.md.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
THIS = "tests/lint/test_language.py"
SUFFIXES = {".py", ".md", ".sh", ".service", ".timer", ".preset", ".hcl", ".toml", ".cfg", ".conf", ".in", ".j2", ""}

OUT = {
    r"nobody|somebody|some ?one else's|whoever|whosoever": "the operator, another process, a user, nothing, no one",
    r"anew": "again; regenerate",
    r"tell(?:s|ing)? of|told of": "reports, names, logs",
    r"for good(?! reasons?\b)": "permanently",
    r"handwork": "a manual edit",
    r"awaited": "pending",
    r"sick|ail(?:s|ing)?": "unhealthy, the cause",
    (
        r"(?:is|be|are|was|not|become|becomes) well(?! (?:known|formed|tested|above|below|within|before|under))"
        r"|well (?:with|again)"
    ): "healthy",
    r"whence|thereof|howsoever": "where from, of it, however",
    r"ragged": "incomplete",
    r"(?:without|not|in) a word|no word (?:for|of)": "silently",
    r"is at hand|at hand\b(?!-)": "is available",
    r"amid": "in, between",
    r"on (?:its|their) knees|is in its way": "heavily loaded",
    r"had better": "should",
    r"(?:give|gives|giving|gave|given) (?:it )?back": "return",
    r"made anew|taken? up|takes up": "regenerated, loaded",
    (
        r"(?<!there )(?<!There )(?:is|are|was) no "
        r"(?!longer|more|less|different|doubt|better|worse|later|earlier|one\b)\w+"
    ): ("is not a valid X, is missing"),
}
PATTERN = re.compile("|".join(f"(?:\\b(?:{words})\\b)" for words in OUT), re.IGNORECASE)
# Test names are sentences too.
UNDERSCORED = re.compile(r"(?<=[a-z])_(?=[a-z])")
# The account of that name; error codes and JSON keys, which are published and stay.
ALLOWED = re.compile(
    r"nobody:x:|\"nobody\"|'nobody'|`nobody`|user nobody|account nobody|chown nobody"
    r"|(?:secrets|certificate)-awaited|still-sick|[\"`]awaited[\"`]"
)

# Names that say nothing of what a module or a function is about.
PARTICIPLES = {
    *("asked", "awaited", "found", "given", "handed", "held", "kept", "known", "left", "made", "meant"),
    *("named", "of", "ours", "read_back", "restored", "said", "seen", "shown", "stood", "taken", "told", "wanted"),
}


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    chosen = [path for path in listed.splitlines() if Path(path).suffix in SUFFIXES and path not in (THIS, "LICENSE")]
    return [path for path in chosen if (CHECKOUT / path).is_file()]


def words_out(text: str) -> list[str]:
    text = UNDERSCORED.sub(" ", ALLOWED.sub("", text))
    return [
        f"line {number}: {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for found in PATTERN.finditer(line)
    ]


def names(tree: ast.AST) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name.lstrip("_") for node in ast.walk(tree) if isinstance(node, kinds)]


def wrong_parameters(tree: ast.AST) -> list[str]:
    """Return the parameters of type Root and Conf that have another name."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            kind = ast.unparse(parameter.annotation).rpartition(".")[2] if parameter.annotation else ""
            name = {"Root": "root", "Conf": "conf"}.get(kind.partition(" |")[0])
            if name is not None and parameter.arg != name and not parameter.arg.endswith(f"_{name}"):
                found.append(f"line {node.lineno}: {node.name}({parameter.arg}: {kind})")
    return found


def complaints(path: str) -> list[str]:
    """Return what is wrong with the language of a file."""
    try:
        text = (CHECKOUT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    found = words_out(text)
    if path.startswith("teleport_bootstrap/") and path.endswith(".py"):
        tree = ast.parse(text)
        found += sorted(PARTICIPLES.intersection({Path(path).stem, *names(tree)}))
        found += wrong_parameters(tree)
    return found


def test_every_file_has_plain_words_and_names() -> None:
    assert {path: found for path in files() if (found := complaints(path))} == {}


def test_the_checks_find_what_they_look_for() -> None:
    assert len(words_out("def test_what_nobody_knows():\n    # It is made anew.\n    'x is no address'\n")) == 3
    assert words_out("there is no file; no longer; well known; `nobody`") == []
    tree = ast.parse("def told(where: paths.Root, given: conf_file.Conf | None, root: Root): ...")
    assert len(wrong_parameters(tree)) == 2 and not PARTICIPLES.isdisjoint(names(tree))
