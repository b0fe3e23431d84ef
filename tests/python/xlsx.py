# Reads a workbook with nothing but the standard library, and writes what is in its sheets as JSON:
# {"created": text, "sheets": {name: {"frozen": cell, "filter": range, "rows": [[cell, ...], ...]}}}, a cell being
# null or [value, number format].
import json
import re
import sys
import zipfile
from xml.etree import ElementTree

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
BUILT_IN = {0: "General", 1: "0", 2: "0.00", 9: "0%", 10: "0.00%"}


def unescaped(text):
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def place(reference):
    letters, number = re.fullmatch("([A-Z]+)([0-9]+)", reference).groups()
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(number), column


with zipfile.ZipFile(sys.argv[1]) as book:
    assert book.testzip() is None
    parts = {name: ElementTree.fromstring(book.read(name)) for name in book.namelist() if name.endswith(".xml")}

styles = parts["xl/styles.xml"]
codes = dict(BUILT_IN)
for found in styles.iter(SPACE + "numFmt"):
    codes[int(found.get("numFmtId"))] = found.get("formatCode")
formats = [codes[int(found.get("numFmtId"))] for found in styles.find(SPACE + "cellXfs")]
strings = []
if "xl/sharedStrings.xml" in parts:
    for found in parts["xl/sharedStrings.xml"]:
        strings.append("".join(piece.text or "" for piece in found.iter(SPACE + "t")))


def value(cell):
    kind = cell.get("t", "n")
    assert cell.find(SPACE + "f") is None, "a formula"
    if kind == "inlineStr":
        return unescaped("".join(piece.text or "" for piece in cell.iter(SPACE + "t")))
    text = cell.findtext(SPACE + "v")
    if kind == "s":
        return unescaped(strings[int(text)])
    if kind == "b":
        return text == "1"
    return None if text is None else float(text)


sheets = {}
for number, found in enumerate(parts["xl/workbook.xml"].iter(SPACE + "sheet"), 1):
    sheet = parts[f"xl/worksheets/sheet{number}.xml"]
    pane, range_of_filter = sheet.find(f".//{SPACE}pane"), sheet.find(SPACE + "autoFilter")
    rows = []
    for row in sheet.iter(SPACE + "row"):
        cells = {}
        for cell in row:
            cells[place(cell.get("r"))[1]] = [value(cell), formats[int(cell.get("s", 0))]]
        rows.append([cells.get(column) for column in range(1, max(cells, default=0) + 1)])
    sheets[found.get("name")] = {
        "frozen": None if pane is None else pane.get("topLeftCell"),
        "filter": None if range_of_filter is None else range_of_filter.get("ref"),
        "widths": [float(col.get("width")) for col in sheet.iter(SPACE + "col")],
        "rows": rows,
    }
created = next(text.text for text in parts["docProps/core.xml"].iter() if text.tag.endswith("}created"))
json.dump({"created": created, "sheets": sheets}, sys.stdout)
