"""Print a command of the README's first screen: ``run`` or ``test``.

The README is the only place where the two commands are written; CI runs what a reader runs.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def commands() -> dict[str, str]:
    """Return the two commands by name."""
    blocks = re.findall(r"```bash\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks[:2] for line in block.strip().splitlines()]
    if len(lines) != 2:
        raise SystemExit(f"README.md must open with two commands, but has {len(lines)}")
    return dict(zip(("run", "test"), lines, strict=True))


if __name__ == "__main__":
    print(commands()[sys.argv[1]])
