"""Puts the places of Windows into task definitions that were written on another system.

    places.py FOLDER FROM TO [FROM TO]...
"""
import pathlib
import sys

folder, *places = sys.argv[1:]
for path in sorted(pathlib.Path(folder).iterdir()):
    text = path.read_bytes().decode("utf-16")
    for old, new in zip(places[::2], places[1::2]):
        text = text.replace(old + "/", new + "\\").replace(old, new)
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
