"""Hooks of the site: pages that lie elsewhere in the repository or are made, and links that lead out of docs/.

mkdocs calls them (`hooks` in mkdocs.yml). A link to a file that has a page on the site leads there; one to any other
file of the repository becomes its name.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = {  # files outside docs/, by the page that shows each
    "README.md": "index.md",
    "warehouse/README.md": "dictionary.md",
    "DATA-LICENCES.md": "licences.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
NOTEBOOK = "notebook.md"
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside docs/, and the notebook as a page."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_relinked(text, posixpath.dirname(source))))
    files.append(File.generated(config, NOTEBOOK, content=_notebook(ROOT / "docs" / "notebook.ipynb")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page of docs/ with its links out of docs/ led to where the site has them."""
    return markdown if page.file.generated_by else _relinked(markdown, "docs")


def _relinked(text: str, folder: str) -> str:
    """A text that lies in a folder of the repository, with links as the site has them."""

    def led(found: re.Match[str]) -> str:
        target, _, anchor = found["target"].partition("#")
        if "://" in target or target.startswith("mailto:") or not target:
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        inside = path.removeprefix("docs/")
        if path == "docs/notebook.ipynb":
            inside = NOTEBOOK
        elif path in PAGES:
            inside = PAGES[path]
        elif not path.startswith("docs/"):
            return f"{found['text']}" if "`" in found["text"] else f"{found['text']} (`{path}`)"
        return f"{found['image']}[{found['text']}]({inside}{'#' + anchor if anchor else ''})"

    return LINK.sub(led, text)


def _notebook(file: Path) -> str:
    """A notebook's cells as Markdown, and where it lies."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join([*parts[:1], "The notebook itself is `docs/notebook.ipynb`.", *parts[1:]]) + "\n"
