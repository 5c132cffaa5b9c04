"""One page for all analyses whose results lie in a folder."""

import base64
import html
import pathlib
import string

from selfsup import atomic, runs

PAGE = "report.html"

_PAGE = string.Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Analysis of features</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 3rem; border-top: 1px solid #ddd; padding-top: 1.5rem; }
p { max-width: 46rem; }
figure { margin: 2rem 0; }
figcaption { font-weight: 600; }
img { max-width: 100%; height: auto; display: block; margin: 0.5rem 0; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; margin: 0.5rem 0 1.5rem; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; white-space: nowrap; }
th, td { padding: 0.15rem 0.8rem; border-bottom: 1px solid #eee; text-align: left; }
th { border-bottom: 1px solid #888; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; color: #555; }
pre { white-space: pre-wrap; font-size: 0.8rem; background: #f6f6f6; padding: 0.8rem; }
</style>
</head>
<body>
<h1>Analysis of features</h1>
$sections
</body>
</html>
""")

_SECTION = string.Template("""<h2>$title</h2>
$text
$pictures
$tables
<details><summary>Settings</summary><pre>$settings</pre></details>
""")


def add(folder, name, config, results, section):
    """Writes the results of an analysis, and the page anew.

    Args:
        folder: Path of the folder, a `pathlib.Path`; pictures are in it.
        name: Name of the analysis; `NAME.json` is written.
        config: Its settings.
        results: Its numbers, of what JSON can hold.
        section: What the page says of it, a dict of what JSON can hold: `title`;
            `text`, a list of paragraphs; `pictures`, a dict from the names of PNG files
            in the folder to captions; `tables`, dicts with `columns`, `rows` and
            perhaps a `caption`. None in a row is a dash.
    """
    content = {"settings": config.to_json(), "results": results, "section": section}
    runs.write_json(folder / f"{name}.json", content)
    with atomic.write(folder / PAGE) as unfinished:
        unfinished.write_text(page(folder), encoding="utf-8")


def page(folder):
    """Builds the page of all analyses in a folder; it needs no other file.

    Args:
        folder: Path of the folder, a `pathlib.Path`.

    Returns:
        HTML, a string.

    Raises:
        ValueError: If a JSON file there cannot be read.
    """
    found = [runs.read_json(path) for path in sorted(folder.glob("*.json"))]
    sections = [
        _section(folder, content)
        for content in found
        if isinstance(content, dict) and "section" in content
    ]
    return _PAGE.substitute(sections="\n".join(sections))


def _section(folder, content):
    section = content["section"]
    return _SECTION.substitute(
        title=html.escape(section["title"]),
        text="\n".join(f"<p>{html.escape(text)}</p>" for text in section["text"]),
        pictures="\n".join(
            _picture(folder, *picture) for picture in section["pictures"].items()
        ),
        tables="\n".join(map(_table, section["tables"])),
        settings="\n".join(
            html.escape(f"{name}: {value}")
            for name, value in content["settings"].items()
        ),
    )


def _picture(folder, name, caption):
    # A name alone, so that a file of another place is none of the page.
    path = folder / pathlib.PurePath(name).name
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    source = f"data:image/png;base64,{encoded}"
    caption = html.escape(caption)
    image = f'<img alt="{html.escape(name)}" src="{source}">'
    return f"<figure><figcaption>{caption}</figcaption>{image}</figure>"


def _table(table):
    lines = ["<div><table>"]
    if table.get("caption"):
        lines.append(f"<caption>{html.escape(table['caption'])}</caption>")
    first = table["rows"][0] if table["rows"] else table["columns"]
    heads = zip(table["columns"], first, strict=True)
    lines.append(_row("th", [(name, _is_number(value)) for name, value in heads]))
    for row in table["rows"]:
        lines.append(_row("td", [(_text(value), _is_number(value)) for value in row]))
    return "\n".join([*lines, "</table></div>"])


def _row(tag, cells):
    cells = [
        f"<{tag}{' class=number' if number else ''}>{html.escape(text)}</{tag}>"
        for text, number in cells
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _is_number(value):
    return value is None or isinstance(value, int | float)


def _text(value):
    if value is None:
        return "–"
    # Without the sign of a zero.
    return f"{round(value, 3) + 0.0:.3f}" if isinstance(value, float) else str(value)
