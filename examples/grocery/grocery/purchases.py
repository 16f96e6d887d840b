"""The lines of the receipts, as the source `purchases` has them, and what is known of the households beside."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]

from . import wheel

UNKNOWN = "UNKNOWN"
"""The department of 4,836 lines, whose products are in no list."""
UTC_MICROS = pa.timestamp("us", tz="UTC")
LINES = ["household_id", "basket_id", "product_id", "quantity", "sales_value", "retail_disc", "transaction_timestamp"]


def purchases(path: Path, every: int = 1) -> Any:
    """All lines of every `every`-th household, by time, in the columns of the source: a pyarrow.Table.

    A line has no id in the data: it is numbered in the order of the file. The department is that of its product. Times
    have no zone there, and are taken as UTC.
    """
    lines = wheel.read(path, "transactions", LINES)
    lines = lines.append_column("line_id", pa.array(np.arange(lines.num_rows)))
    products = wheel.read(path, "products", ["product_id", "department"])
    household = np.unique(lines["household_id"].to_numpy())
    lines = lines.filter(pc.is_in(lines["household_id"], pa.array(household[::every])))
    place = pc.index_in(lines["product_id"], products["product_id"])
    found = pa.table(
        {
            "line_id": lines["line_id"],
            "household_id": lines["household_id"],
            "basket_id": lines["basket_id"],
            "product_id": lines["product_id"],
            "department": products["department"].take(place).fill_null(UNKNOWN),
            "purchased_at": lines["transaction_timestamp"].cast(pa.timestamp("us")).cast(UTC_MICROS),
            "quantity": lines["quantity"],
            "paid": lines["sales_value"],
            "saved": lines["retail_disc"],
        }
    )
    return found.sort_by([("purchased_at", "ascending"), ("line_id", "ascending")])


def demographics(path: Path) -> Any:
    """Income and size of the 801 households that told them: a pyarrow.Table."""
    return wheel.read(path, "demographics", ["household_id", "income", "household_size"])
