"""Names of folders and files that a system allows, and that mean something elsewhere."""

#: to URLs, shells, patterns, markup, YAML, option parsers, and encodings
ODD_NAMES = [
    "50%25",
    "two words",
    "#1",
    "what?mode=memory",
    "[red]brackets[bold",
    "[a-z]",
    "{SCHEMA_VERSION}",
    "{braces",
    'it\'s "quoted"',
    "<b>&amp;",
    "$HOME `ls`; rm",
    "*",
    "-dash",
    "--name=x",
    ".hidden",
    "back\\slash",
    "日本語",
    "é",
    "👩\u200d🚀",
    ":smile:",
    "a:b@c",
    "null",
    "x" * 200,
]
