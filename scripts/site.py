"""The hook of mkdocs.yml: pages from outside of docs, and the reference that code knows.

- README.md, DESIGN.md and others are pages of the site where they are in the repository.
- Links are those of the repository. One to a page of the site stays inside it; one to a source file leads to the
  repository where a release has named one, and is plain text otherwise. A link whose text is a page's file name has
  the page's heading in its place.
- What is between `<!-- reference -->` and `<!-- end -->` is replaced: by the OpenAPI document in api.md, by the CRD's
  fields in alertscaler.md.
"""

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import scrap
from scrap.api_docs import openapi

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "DESIGN.md": "design.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "charts/scrap/README.md": "chart.md",
    "k8s/README.md": "local-cluster.md",
}
FOLDERS = {"docs/decisions": "design.md#decisions"}
SOURCES = {page: source for source, page in PAGES.items()}
CRD = ROOT / "charts" / "scrap" / "crds" / "alertscalers.yaml"
_REFERENCE = re.compile(r"<!-- reference -->.*<!-- end -->", re.DOTALL)

_PARTS = re.compile(
    r"^```.*?^```$"
    r"|(?P<code>`[^`\n]*`)"
    r"|<(?P<words>\w+-\w+)>"
    r"|\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)",
    re.MULTILINE | re.DOTALL,
)


def on_config(config: MkDocsConfig) -> None:
    """Replaces the patterns of the menu, such as runbooks/*.md, by their files."""
    config.nav = _expanded(config.nav, Path(config.docs_dir))


def _expanded(entry: Any, docs: Path) -> Any:
    if isinstance(entry, list):
        items = [_expanded(item, docs) for item in entry]
        return [page for item in items for page in (item if isinstance(item, list) else [item])]
    if isinstance(entry, dict):
        return {title: _expanded(item, docs) for title, item in entry.items()}
    return [path.relative_to(docs).as_posix() for path in sorted(docs.glob(entry))] if "*" in entry else entry


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Adds the pages from outside of docs, and the OpenAPI document."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    files.append(File.generated(config, "openapi.json", content=openapi.render(scrap.__version__)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Adds the reference of a page, and rewrites what GitHub and Python-Markdown read differently, and links."""
    uri = page.file.src_uri
    markdown = _REFERENCE.sub(lambda _: "\n".join(REFERENCES[uri]()), markdown)
    markdown = re.sub(r"^(```\w+) \w+$", r"\1", markdown, flags=re.MULTILINE)  # what tests call an example
    return _PARTS.sub(lambda part: _rewritten(part, uri, config.extra["repository"]), markdown)


def _rewritten(part: re.Match[str], uri: str, repository: str) -> str:
    """A part of a page, as the site has it."""
    if part["words"]:
        return f"&lt;{part['words']}&gt;"
    if part["target"] is None:
        return part[0].replace("\\|", "|") if part["code"] else part[0]  # in a row of a table
    source = SOURCES.get(uri, f"docs/{uri}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), part["target"]))
    text, anchor = part["text"], part["anchor"] or ""
    if page := PAGES.get(path) or FOLDERS.get(path):
        target = page
    elif path.startswith("docs/"):
        target = path.removeprefix("docs/")
    elif repository:
        return f"[{text}]({repository}/{path}{anchor})"
    else:
        return text
    if text == posixpath.basename(path) and (ROOT / path).is_file():
        text = (ROOT / path).read_text().partition("\n")[0].removeprefix("# ").partition(":")[0]
    return f"[{text}]({posixpath.relpath(target, posixpath.dirname(uri) or '.')}{anchor})"


def api_reference() -> Iterator[str]:
    """The operations of the OpenAPI document."""
    yield "[The document](openapi.json) for machines.\n"
    document = json.loads(openapi.render(scrap.__version__))
    components = document["components"]

    def resolved(item: dict[str, Any]) -> Any:
        kind, name = item["$ref"].split("/")[-2:] if "$ref" in item else (None, None)
        return components[kind][name] if kind else item

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"### {method.upper()} {path}\n\n{operation['summary']}.\n"
            yield "| Parameter | In | Required | What it is |\n| --- | --- | --- | --- |"
            for parameter in map(resolved, operation["parameters"]):
                required = "yes" if parameter.get("required") else "no"
                yield f"| `{parameter['name']}` | {parameter['in']} | {required} | {parameter['description']} |"
            yield "\n| Status | Headers | When |\n| --- | --- | --- |"
            for status, item in operation["responses"].items():
                response = resolved(item)
                headers = ", ".join(f"`{name}`" for name in response["headers"])
                yield f"| {status} | {headers} | {response['description']} |"
            yield ""


def crd_reference() -> Iterator[str]:
    """The fields of the CRD's schema."""
    versions = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    version = next(version for version in versions if version["storage"])
    for part in ("spec", "status"):
        yield f"### {part}\n\n| Field | Type | Default | What it is |\n| --- | --- | --- | --- |"
        yield from _fields(version["schema"]["openAPIV3Schema"]["properties"][part], "")
        yield ""


def _fields(schema: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        item = field.get("items", {})
        kind = " or ".join(field["enum"]) if "enum" in field else field.get("type", "integer or string")
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        required = " Required." if name in schema.get("required", []) else ""
        text = " ".join(field.get("description", "").split()).replace("|", "\\|")
        yield f"| `{prefix}{name}` | {kind} | {default} | {text}{required} |"
        yield from _fields(field, f"{prefix}{name}.")
        yield from _fields(item, f"{prefix}{name}[].")


REFERENCES = {"api.md": api_reference, "alertscaler.md": crd_reference}
