"""Lists every message of the program on the page "Troubleshooting".

A hook of mkdocs: the messages are read from the source when the page is built.
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "pvsd_modules"
MARK = "<!-- messages -->"


def sentence(node: ast.expr) -> str | None:
    """The text of a message; "..." stands for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(sentence(part) or "" for part in parts)
        case ast.FormattedValue():
            return "..."
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (sentence(left) or "...") + (sentence(right) or "...")
        case ast.IfExp(body=body):
            return sentence(body)
    return None


def messages() -> dict[str, list[str]]:
    """The messages of each room.

    Returns
    -------
    dict of str to list of str
        Sentences of `PvsdError` by the room that raises them.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "PvsdError"
                and node.args
            ):
                text = sentence(node.args[0])
                if text:
                    found.setdefault(room, set()).add(" ".join(text.split()))
    return {room: sorted(texts, key=str.lower) for room, texts in found.items()}


def on_page_markdown(markdown: str, **kwargs) -> str:
    """Called by mkdocs for every page."""
    if MARK not in markdown:
        return markdown
    parts = []
    for room, texts in messages().items():
        parts.append(f"### {room}\n")
        for text in texts:
            escaped = text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
            parts.append(f"- {escaped}")
        parts.append("")
    return markdown.replace(MARK, "\n".join(parts))
