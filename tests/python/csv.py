# Reads a CSV with Python's own reader and writes its cells as JSON: FILE DELIMITER ENCODING.
import csv
import json
import sys

name, delimiter, encoding = sys.argv[1:]
csv.field_size_limit(1 << 30)
with open(name, newline="", encoding=encoding) as file:
    rows = list(csv.reader(file, delimiter=delimiter, strict=True))
json.dump({"rows": rows, "reads_nul": sys.version_info >= (3, 11)}, sys.stdout)
