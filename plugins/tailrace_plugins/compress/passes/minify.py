"""JSON without the blanks that mean nothing. What stands between quotes and each number's digits stay as they are."""

from tailrace_plugins.compress.passes.document import Document, read


def apply(text: str, document: Document | None = None) -> str | None:
    """The text as compact JSON, or as compact JSON lines; None where that is not shorter, or not JSON.

    `document` is what `document.read` made of the text, if that is known.
    """
    known = document or read(text)
    return known.compact if known is not None and len(known.compact) < len(text) else None
