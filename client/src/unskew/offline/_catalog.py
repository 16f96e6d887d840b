"""The catalog that tables are found by: what PyIceberg is configured with, else SQLite in a folder."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from pyiceberg.table import Table
from pyiceberg.utils.config import Config
from sqlalchemy.exc import OperationalError

from unskew import errors
from unskew.offline._faults import translated

DEFAULT_NAME = "unskew"
DEFAULT_WAREHOUSE = "warehouse"
LOCK_SECONDS = 60
"""How long a writer waits for the file of SQLite, which one holds at a time and for milliseconds."""


def connect(name: str, warehouse: str | os.PathLike[str] | None, properties: Mapping[str, str] | None) -> Catalog:
    """The catalog of a name.

    Args:
        name: the name; Spark and PyIceberg have to use the same one for the same tables.
        warehouse: a folder for tables and an SQLite catalog, where nothing else says where the catalog is.
        properties: of PyIceberg; they come before its configuration (`.pyiceberg.yaml`, `PYICEBERG_CATALOG__…`).

    Raises:
        Unavailable: it does not answer.
    """
    given = dict(properties or {})
    configured = {**(Config().get_catalog_config(name) or {}), **given}
    if {"uri", "type", "py-catalog-impl"} & configured.keys():
        if warehouse is not None:
            raise errors.InvalidArgument(
                f"the catalog {name!r} is configured already, and warehouse {os.fspath(warehouse)!r} is the folder of "
                "one that is not: leave it out, or give the catalog another name"
            )
        with translated(f"the catalog {name!r} can't be opened"):
            return load_catalog(name, **given)
    folder = Path(warehouse or DEFAULT_WAREHOUSE).absolute()
    with translated(f"the catalog {name!r} can't be opened in {folder}", folder):
        folder.mkdir(parents=True, exist_ok=True)
        return _embedded(name, folder, given)


def _embedded(name: str, folder: Path, given: Mapping[str, str]) -> Catalog:
    uri = f"sqlite:///{folder / 'catalog.db'}?timeout={LOCK_SECONDS}"
    options = {"uri": uri, "warehouse": folder.as_uri(), "init_catalog_tables": "true", **given}
    try:
        return SqlCatalog(name, **options)
    except OperationalError as error:
        # Two that open a new catalog at once both make its tables.
        if "already exists" not in str(error):
            raise
        return SqlCatalog(name, **options)


def create(catalog: Catalog, identifier: str) -> None:
    """The namespace of a table, unless it is there."""
    namespace = identifier.rpartition(".")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            catalog.create_namespace(namespace)
        except NamespaceAlreadyExistsError:
            return


def table(catalog: Catalog, identifier: str) -> Table:
    """The table of a source.

    Raises:
        NotFound: it is not there.
    """
    try:
        with translated(f"the table {identifier!r} can't be opened"):
            return catalog.load_table(identifier)
    except errors.NotFound:
        raise errors.NotFound(
            f"there is no table {identifier!r} in the catalog {catalog.name!r}: `unskew apply` creates it"
        ) from None
