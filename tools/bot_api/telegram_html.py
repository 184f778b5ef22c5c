"""Telegram's HTML, as strictly as its server reads it and a little more: a bare ampersand is refused too."""

import html
import re

_PLAIN_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "blockquote"}
_TOKEN = re.compile(
    r"<(?P<end>/?)(?P<tag>[a-zA-Z-]+)(?P<attributes>(?:\s+[^<>]*)?)>"
    r"|(?P<entity>&(?:lt|gt|amp|quot|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)"
    r"|(?P<text>[^<&]+)"
    r"|(?P<stray>[<&])"
)
_HREF = re.compile(r'\s+href="((?:https?|tg)://[^"<>\s]*)"')


class CanNotParse(ValueError):
    """Telegram would refuse it; the message is what it says."""


def parse(source: str) -> tuple[str, str]:
    """The text without tags, and the same as HTML that is safe to put in a page.

    Raises:
        CanNotParse: a tag or an entity is wrong.
    """
    plain: list[str] = []
    safe: list[str] = []
    opened: list[str] = []
    for found in _TOKEN.finditer(source):
        if found["stray"]:
            raise CanNotParse(f"can't parse entities: unexpected {found['stray']} at character {found.start()}")
        if found["tag"] is None:
            text = html.unescape(found[0])
            plain.append(text)
            safe.append(html.escape(text))
            continue
        tag = found["tag"].lower()
        if found["end"]:
            if not opened or opened.pop() != tag:
                raise CanNotParse(f"can't parse entities: unexpected end tag at character {found.start()}")
            safe.append(f"</{tag}>")
            continue
        href = _HREF.fullmatch(found["attributes"])
        if tag == "a" and href:
            safe.append(f'<a href="{html.escape(html.unescape(href[1]))}">')
        elif tag in _PLAIN_TAGS and not found["attributes"].strip():
            safe.append(f"<{tag}>")
        else:
            raise CanNotParse(f'can\'t parse entities: unsupported start tag "{tag}" at character {found.start()}')
        opened.append(tag)
    if opened:
        raise CanNotParse(f"can't parse entities: can't find end tag corresponding to start tag \"{opened[-1]}\"")
    return "".join(plain), "".join(safe)
