"""Registers the files of a lake as Iceberg tables, without copying them (tried with pyiceberg 0.12).

    python iceberg_register.py /data/lake --property uri=http://catalog:8181
    python iceberg_register.py /data/lake --property type=sql --property uri=sqlite:////data/catalog.db \\
        --property warehouse=file:///data/warehouse

To be run after each export. Each table then has exactly the files that the manifest names, as one new snapshot; a table
whose files have not changed stays as it is. Files that an export superseded are gone: older snapshots cannot be read.
Whatever expires snapshots must not delete data files (`gc.enabled` is false), since they belong to the lake.
"""

import argparse
import glob
import json
import os
import pathlib

import pyarrow.parquet
from pyiceberg.catalog import load_catalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.transforms import MonthTransform, YearTransform

# As the folders of the lake: by which column, and how.
PARTITIONS = {
    "messages": ("run_started_at", MonthTransform(), "run_month"),
    "runs": ("started_at", YearTransform(), "started_year"),
    "run_revisions": ("captured_at", YearTransform(), "captured_year"),
}


def addresses(lake, manifests):
    """The addresses of each table's files that have rows."""
    tables = {}
    for manifest in glob.glob(os.path.join(lake, manifests)):
        for file in json.loads(pathlib.Path(manifest).read_text(encoding="utf-8"))["files"]:
            found = tables.setdefault(file["table"], [])
            if file["rows"] > 0:
                # Not `as_uri`, which would write `month=2026-01` with an escape: engines take addresses as they are.
                found.append("file://" + os.path.abspath(os.path.join(lake, file["path"])).replace(os.sep, "/"))
    return tables


def create(catalog, name, table, first):
    """An empty table with the columns and partitions of a file."""
    created = catalog.create_table(
        name, schema=pyarrow.parquet.read_schema(first.removeprefix("file://")), properties={"gc.enabled": "false"}
    )
    if table in PARTITIONS:
        column, transform, field = PARTITIONS[table]
        with created.update_spec() as spec:
            spec.add_field(column, transform, field)
    return catalog.load_table(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", help="the folder of the lake")
    parser.add_argument("--manifests", default="_manifest.json", help="'site=*/_manifest.json' for all sites")
    parser.add_argument("--catalog", default="lake", help="its name, also in the file .pyiceberg.yaml")
    parser.add_argument("--property", action="append", default=[], metavar="KEY=VALUE", help="of the catalog")
    parser.add_argument("--namespace", default="jobruns")
    options = parser.parse_args()
    catalog = load_catalog(options.catalog, **dict(given.split("=", 1) for given in options.property))
    catalog.create_namespace_if_not_exists(options.namespace)
    for table, files in addresses(options.lake, options.manifests).items():
        name = f"{options.namespace}.{table}"
        if not files and not catalog.table_exists(name):
            continue
        found = catalog.load_table(name) if catalog.table_exists(name) else create(catalog, name, table, files[0])
        registered = found.inspect.data_files().column("file_path").to_pylist() if found.current_snapshot() else []
        if sorted(registered) == sorted(files):
            print(f"{name}: unchanged, {len(files)} files")
            continue
        with found.transaction() as transaction:
            if registered:
                transaction.delete(AlwaysTrue())
            if files:
                transaction.add_files(files, check_duplicate_files=False)
        print(f"{name}: {len(files)} files")


main()
