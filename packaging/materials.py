"""Writes a bill of materials (CycloneDX 1.5, JSON) and the licence texts of every crate that is in the programs.

    packaging/materials.py VERSION PREFIX

writes PREFIX-sbom.cdx.json and PREFIX-third-party-licences.txt from `cargo metadata`, the same bytes for the same Cargo.lock.
"""
import json
import pathlib
import subprocess
import sys

TARGETS = ("x86_64-unknown-linux-gnu", "x86_64-pc-windows-gnu")
version, prefix = sys.argv[1:]


def linked(target):
    """The packages that are linked into the program for a target, by id, and what each needs."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    data = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    needs, todo = {}, [data["resolve"]["root"]]
    while todo:
        package = todo.pop()
        if package not in needs:
            needs[package] = sorted(
                dep["pkg"] for dep in nodes[package]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])
            )
            todo += needs[package]
    return {package["id"]: package for package in data["packages"]}, needs, data["resolve"]["root"]


packages, needs = {}, {}
for target in TARGETS:
    of_target, needed, root = linked(target)
    for package, wanted in needed.items():
        packages[package] = of_target[package]
        needs[package] = sorted({*needs.get(package, []), *wanted})


def reference(package):
    return f"pkg:cargo/{packages[package]['name']}@{packages[package]['version']}"


def component(package):
    of = packages[package]
    return {
        "type": "application" if package == root else "library",
        "bom-ref": reference(package),
        "name": of["name"],
        "version": of["version"],
        "purl": reference(package),
        "licenses": [{"expression": (of["license"] or "NOASSERTION").replace("/", " OR ")}],
        **({"externalReferences": [{"type": "vcs", "url": of["repository"]}]} if of["repository"] else {}),
    }


others = sorted((package for package in packages if package != root), key=reference)
bom = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {"component": component(root)},
    "components": [component(package) for package in others],
    "dependencies": [
        {"ref": reference(package), "dependsOn": sorted(map(reference, needs[package]))}
        for package in sorted(packages, key=reference)
    ],
}
pathlib.Path(prefix + "-sbom.cdx.json").write_text(json.dumps(bom, indent=1) + "\n", encoding="utf-8")

texts = {}
for package in others:
    of = packages[package]
    files = [
        path for path in sorted(pathlib.Path(of["manifest_path"]).parent.iterdir())
        if path.is_file() and path.name.upper().startswith(("LICEN", "COPYING", "NOTICE", "UNLICENSE"))
    ]
    found = [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]
    for text in found or ["The crate has no file with the text of its licence."]:
        texts.setdefault(text, []).append(f"{of['name']} {of['version']}: {of['license']}")
with open(prefix + "-third-party-licences.txt", "w", encoding="utf-8", newline="\n") as out:
    out.write(f"jobruns {version} contains these libraries, each under its own licence. A text stands below the libraries that come with it.\n")
    for text, crates in texts.items():
        out.write("\n" + "=" * 100 + "\n" + "\n".join(crates) + f"\n\n{text}\n")
