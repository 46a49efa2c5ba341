"""Patterns of secrets that are not known, each with the kind that it finds, and values that only look like one."""

from __future__ import annotations

from teleport_bootstrap import regex

PRIVATE_KEY = "a private key"
WEB_TOKEN = "a web token (JWT)"  # noqa: S105 - the name of a kind
AWS = "an AWS credential"
NAMED = "a value that is named like a secret"
LINK = "an invitation or signed link"
ENCODED = "a long encoded value"
HASH = "the hash of a password"
ISSUED = "a token or code of a known form"

# Every quantifier is bounded or ends where the next match could begin: a journal may hold hostile text.
_NAME = (
    r"(?:(?i:token|secret|passw(?:or)?d|passphrase|passcode|api[-_]?key|access[-_]?key|private[-_]?key|client[-_]?key"
    r"|encryption[-_]?key|signing[-_]?key|key[-_]?data|account[-_]?key|authorization|credential|cookie|webhook"
    r"|totp|saml(?:response|request))[\w.-]{0,60}"
    # Shorter words only at the end of a name.
    r"|(?i:pass|pwd|psk|jwt)(?![\w.-])|(?<![A-Za-z0-9])(?i:otp|pat|pw)(?![\w.-]))"
)
_QUOTED = r"\\?\"(?:[^\"\\\n]|\\(?:.|\n)){0,1000}\"?|'[^'\n]{0,1000}'?"
# The kind, the pattern, and what a text has one of at least where the pattern matches, in small letters.
_BY_FORM = (
    (
        PRIVATE_KEY,
        r"(?P<lead>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
        r"(?P<value>[A-Za-z0-9+/=\s\\:,.]{1,20000})(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)",
        "-----begin",
    ),
    (WEB_TOKEN, r"(?P<lead>(?<![\w-]))(?P<value>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)", "eyj"),
    (AWS, r"(?P<lead>\b)(?P<value>(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16})\b", "akia asia abia acca"),
    # A secret access key alone: 40 characters of Base64; digests are hexadecimal and stay.
    (
        AWS,
        r"(?P<lead>(?<![\w+/-]))(?P<value>(?!/)(?=[\w+/]{0,39}?[a-z])(?=[\w+/]{0,39}?[A-Z])(?=[\w+/]{0,39}?[0-9])"
        r"[A-Za-z0-9+/]{40})(?![\w+/=-])",
        "",
    ),
    (HASH, r"(?P<lead>)(?P<value>\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{22,53})", "$2"),
    (HASH, r"(?P<lead>)(?P<value>\$(?:1|5|6|7|y|gy|argon2\w{1,2}|pbkdf2[\w-]{0,20})\$[^\s:\"']{8,500})", "$"),
    (
        ISSUED,
        r"(?P<lead>\b)(?P<value>gh[oprsu]_\w{20,255}|github_pat_\w{20,255}|gl(?:pat|rt|dt)-[\w-]{16,255}"
        r"|xox[a-z]-[\w-]{10,255}|AIza[\w-]{35}|ya29\.[\w-]{10,2000}|[prs]k_(?:live|test)_\w{16,255}"
        r"|hv[brs]\.[\w-]{6,500}|npm_\w{30,100}|sk-[\w-]{20,255}|SG\.[\w-]{16,100}\.[\w-]{16,100}"
        r"|dop_v1_\w{30,100}|AGE-SECRET-KEY-1[0-9A-Z]{20,100}|tele(?:-[a-z]{2,20}){7,12}"
        r"|LS0tLS1CRUdJTi[A-Za-z0-9+/]{1,20000}={0,2})",
        "gho_ ghp_ ghr_ ghs_ ghu_ github_pat_ glpat- glrt- gldt- xox aiza ya29. k_live_ k_test_ hvb. hvr. hvs. npm_ "
        "sk- sg. dop_v1_ age-secret-key-1 tele- ls0tls1crudjti",
    ),
    (
        LINK,
        r"(?P<lead>/web/(?:newuser|invite|reset|recovery(?:/\w{1,20})?|device/authorize/[\w-]{1,100}|headless)/"
        r"|/password/token/|/mfa/token/|/scripts/(?=[0-9a-f]{16})"
        r"|hooks\.slack\.com/\w{1,20}/|/webhooks?/)(?P<value>[^\s?#\"'&<>,;)]{4,500})",
        "/web/ /password/token/ /mfa/token/ /scripts/ hooks.slack.com/ /webhook",
    ),
    (
        LINK,
        r"(?P<lead>(?i:x-amz-(?:signature|credential|security-token)|__(?:host|secure)-[\w.-]{1,60})=)"
        r"(?P<value>[^&\s\"';]+)",
        "x-amz- __host- __secure-",
    ),
    (LINK, r"(?P<lead>[?&](?i:code|state|sig|signature|relaystate)=)(?P<value>[^&\s\"';#]+)", "? &"),
    # In the query of a URL.
    (
        LINK,
        r"(?P<lead>[?&][\w.-]{0,40}?(?i:token|secret|passw(?:or)?d|access_?key|api_?key|credential)[\w.-]{0,40}=)"
        r"(?P<value>[^&\s\"';#]+)",
        "? &",
    ),
)
_BY_NAME = (
    (NAMED, r"(?P<lead>\b(?i:cookie2?)\\?[\"']? {0,9}[:=] {0,9})(?P<value>[^\n\"']*[^\n\"'\\])"),
    (NAMED, r"(?P<lead>\b(?i:aws4-hmac-sha256) {1,9})(?P<value>[^\n\"']+)"),
    (NAMED, r"(?P<lead>\b(?i:bearer|basic) {1,9})(?P<value>[\w.~+/=-]{8,})"),
    # Of HTTP, in YAML: a header and its value are two lines.
    (
        NAMED,
        rf"(?P<lead>\bname: {{0,9}}[\"']?[\w-]{{0,60}}?{_NAME}[\"']? {{0,9}}\n *value: {{0,9}})(?P<value>[^\n]+)",
    ),
    # An argument of a program.
    (
        NAMED,
        rf"(?P<lead>(?<![\w-])--?(?:[\w-]{{0,40}}-)?{_NAME}[\"']?,? {{1,9}})"
        rf"(?!-)(?P<value>{_QUOTED}|[^\s;&\"'(){{}}\[\]]+)",
    ),
    (NAMED, r"(?P<lead>(?<![\w-])(?:-u|--(?:proxy-)?user)[ =]{0,3}[^\s:=]{1,100}:)(?P<value>[^\s\"']+)"),
    # Sentences such as "the join token is ...".
    (
        NAMED,
        r"(?P<lead>\b(?i:tokens?|passwords?|passphrases?|secrets?|keys?)\b[^\n=]{0,40}?"
        r" (?:is|was|to):? {1,3}[\"']?)"
        r"(?P<value>(?=[\w+/=.-]{0,80}?[0-9])(?=[\w+/=.-]{0,80}?[A-Za-z])[\w+=-][\w+/=-]{7,500})(?![\w./:-])",
    ),
    (
        NAMED,
        r"(?P<lead>\b(?i:tokens?|secrets?|passwords?|keys?|hash(?:es)?)\b[^\n]{0,40}?(?<!sha256:)\b)"
        r"(?P<value>[0-9A-Fa-f]{32,500})\b",
    ),
    # Quoted as a whole, as units have it: Environment="NAME=a value".
    (NAMED, rf"(?P<lead>\"[\w.-]{{0,60}}?{_NAME}=)(?P<value>[^\"\n]{{1,1000}})(?=\")"),
    (NAMED, rf"(?P<lead>'[\w.-]{{0,60}}?{_NAME}=)(?P<value>[^'\n]{{1,1000}})(?=')"),
    (
        NAMED,
        rf"(?P<lead>{_NAME}\\?[\"']? {{0,9}}[=:] {{0,9}})"
        rf"(?P<value>{_QUOTED}|\[(?=[^\]\s{{])[^\]\n]{{0,1000}}\]?|[^\s,;&\"'(){{}}\[\]]+)",
    ),
    # A token that Teleport generated, in any place; machine IDs look the same.
    (NAMED, r"(?P<lead>(?<![\w-]))(?P<value>[0-9a-f]{32})(?![\w-])"),
    # A line of a key or a certificate, or a session token; digests are hexadecimal and stay.
    (
        ENCODED,
        r"(?P<lead>(?<![\w+/-]))(?P<value>(?=[\w+/-]{0,200}?[a-z])(?=[\w+/-]{0,200}?[A-Z])(?=[\w+/-]{0,200}?[0-9])"
        r"[\w+/-]{60,}={0,2})",
    ),
)
_KINDS = tuple((kind, regex.compile(pattern), tuple(parts.split())) for kind, pattern, parts in _BY_FORM)

# Of these, each pattern that cannot match anything harmless, and the parts of which one is in whatever it matches.
CERTAIN = tuple((pattern, parts) for kind, pattern, parts in _KINDS if kind != PRIVATE_KEY)
PATTERNS = (
    *((kind, pattern) for kind, pattern, _ in _KINDS),
    *((kind, regex.compile(pattern)) for kind, pattern in _BY_NAME),
)

# Values after a secret's name that are not secret: files, parameters, ordinary words.
PATH = regex.compile(r"/(?:(?:etc|home|opt|root|run|srv|teleport|tmp|usr|var)(?:/[\w./<>*-]*)?)?")
REFERENCE = regex.compile(r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\}|\()?")
HARMLESS = frozenset(
    (
        *("true", "false", "null", "none", "yes", "no", "on", "off", "is", "was", "are", "a", "an", "the", "not"),
        *("absent", "present", "missing", "expired", "invalid", "unknown", "written", "fetched", "from", "in", "of"),
        *("and", "or", "with", "has", "needs", "for", "to", "token", "tokens", "license", "no", "denied", "found"),
    )
)
