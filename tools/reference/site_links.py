"""MkDocs hook: the site's pages may link to files of the repository that lie outside docs/.

The pages read as well in the repository as on the site, so their links are those of the repository. Here the documents
beside README.md become pages of the site, and every other file that a page links to becomes a page that shows it.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [file.name for file in ROOT.glob("*.md") if file.name != "README.md"]
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)(?=[)#])")
_LANGUAGES = {"py": "python", "sql": "sql", "sh": "bash", "csv": "text", "yaml": "yaml", "yml": "yaml", "json": "json"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents, and a page for each file that any page links to."""
    for name in DOCUMENTS:
        files.append(File.generated(config, f"project/{name}", content=(ROOT / name).read_text(encoding="utf-8")))
    for page in list(files.documentation_pages()):
        for target in _targets(page):
            place = _place(target)
            if place.startswith("source/") and files.get_file_from_path(place) is None:
                files.append(File.generated(config, place, content=_shown(page, target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links that leave docs/ to where on_files() has put what they lead to."""
    del config, files
    folder = posixpath.dirname(page.file.src_uri)
    return LINK.sub(lambda link: posixpath.relpath(_place(_target(page.file, link[1])), folder or "."), markdown)


def _targets(page: File) -> Iterator[str]:
    for link in LINK.findall(page.content_string):
        yield _target(page, link)


def _target(page: File, link: str) -> str:
    # Where in the repository a page's link leads.
    origin = page.src_uri.removeprefix("project/") if page.generated_by else f"docs/{page.src_uri}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))


def _place(target: str) -> str:
    # Where on the site that lies.
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if target == "README.md":
        return "index.md"
    return f"project/{target}" if target in DOCUMENTS else f"source/{target}.md"


def _shown(page: File, target: str) -> str:
    file = ROOT / target
    if not file.is_file():
        raise PluginError(f"{page.src_uri} links to {target}, which is no file of the repository")
    language = _LANGUAGES.get(file.suffix.lstrip("."), "text")
    text = file.read_text(encoding="utf-8")
    return f"---\ntitle: {target}\nsearch:\n  exclude: true\n---\n\n# `{target}`\n\n~~~~{language}\n{text}\n~~~~\n"
