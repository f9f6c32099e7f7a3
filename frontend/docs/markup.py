"""Our Markdown documents as HTML: none of their own, no style, links of the portal."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

_SIGNS = re.compile(r"[^\w\- ]")
_CODE = re.compile(r"[a-z][a-z0-9_]+")
Leads = Callable[[str], str | None]
"""A link of a document -> where it leads in the portal; None: nowhere, so only text."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What stands under one heading, for the search."""

    title: str
    anchor: str
    level: int
    """1 is the document itself."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Rendered:
    title: str
    html: str
    sections: tuple[Section, ...]


def anchor_of(title: str) -> str:
    """As forges make them of headings, so that links hold in both places."""
    return _SIGNS.sub("", title.lower()).strip().replace(" ", "-")


def render(text: str, leads: Leads) -> Rendered:
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    parser.enable("table")
    tokens = parser.parse(text)
    sections = tuple(_sections(tokens))
    taken = {one.anchor for one in sections} | {"main"}
    env: dict[str, object] = {"leads": leads, "rows": taken, "blocks": 0}
    title, body = sections[0].title, tokens[3:]  # the first heading is the page's own
    html = parser.renderer.render(body, parser.options, env)
    return Rendered(title=title, html=html, sections=sections)


def _sections(tokens: Sequence[Token]) -> list[Section]:
    found: list[tuple[str, int, list[str]]] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            found.append((_text_of(token), int(before.tag[1]), []))
        elif token.type in {"inline", "code_block", "fence"} and found:
            found[-1][2].append(_text_of(token))
    return [
        Section(title=title, anchor=anchor_of(title), level=level, text=" ".join(texts))
        for title, level, texts in found
    ]


def _text_of(token: Token) -> str:
    if token.children is None:
        return token.content
    return "".join(
        one.content if one.type in {"text", "code_inline"} else " "
        for one in token.children
        if one.type in {"text", "code_inline", "softbreak"}
    )


class _Renderer(RendererHTML):
    """Methods are named after the tokens that they write."""

    def heading_open(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, _env: object
    ) -> str:
        anchor = anchor_of(_text_of(tokens[idx + 1]))
        tag = tokens[idx].tag
        return f'<{tag} id="{anchor}"><a class="anchor" href="#{anchor}">'

    def heading_close(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, _env: object
    ) -> str:
        return f"</a></{tokens[idx].tag}>\n"

    def table_open(self, *_: object) -> str:
        return (
            '<div class="card table-responsive" tabindex="0">'
            '<table class="table card-table">'
        )

    def table_close(self, *_: object) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, *_: object) -> str:
        if not tokens[idx + 1].content:  # a head without words is none
            return "<td>"
        return f'<th scope="col"{_side(tokens[idx])}>'

    def th_close(self, tokens: Sequence[Token], idx: int, *_: object) -> str:
        return "</th>" if tokens[idx - 1].content else "</td>"

    def td_open(self, tokens: Sequence[Token], idx: int, *_: object) -> str:
        return f"<td{_side(tokens[idx])}>"

    def tr_open(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: object
    ) -> str:
        """A row about one code can be linked to; of two of the same, the first."""
        rows = env["rows"]  # type: ignore[index]
        cell = tokens[idx + 2].children or []
        code = cell[0].content if [one.type for one in cell] == ["code_inline"] else ""
        if not _CODE.fullmatch(code) or code in rows:
            return "<tr>"
        rows.add(code)
        return f'<tr id="{code}">'

    def code_block(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: object
    ) -> str:
        env["blocks"] += 1  # type: ignore[index]
        name = f"block-{env['blocks']}"  # type: ignore[index]
        code = escape(tokens[idx].content.rstrip())
        return (
            f'<div class="code"><pre tabindex="0"><code id="{name}">{code}</code></pre>'
            f"<!--copy:{name}--></div>\n"
        )

    fence = code_block  # type: ignore[assignment]  # names of parameters

    def link_open(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: object
    ) -> str:
        target = env["leads"](str(tokens[idx].attrs.get("href", "")))  # type: ignore[index]
        return "<span>" if target is None else f'<a href="{escape(target)}">'

    def link_close(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: object
    ) -> str:
        opened = next(one for one in reversed(tokens[:idx]) if one.type == "link_open")
        leads: Leads = env["leads"]  # type: ignore[index]
        known = leads(str(opened.attrs.get("href", ""))) is not None
        return "</a>" if known else "</span>"

    def image(self, *_: object) -> str:
        return ""


def _side(token: Token) -> str:
    """Numbers stand at the end; the parser would write a style, which none may have."""
    return ' class="number"' if "right" in str(token.attrs.get("style", "")) else ""
