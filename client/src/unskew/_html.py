"""Tables for notebooks."""

import html
from collections.abc import Sequence


def html_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with a title; every text in it is escaped."""

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<h4>{html.escape(title)}</h4><table><thead>{line(header, 'th')}</thead><tbody>{body}</tbody></table>"
