"""What a network took from another one, tensor by tensor, as a table."""

from archsearch.model.transfer import TensorTransfer, Transfer
from archsearch.percent import percent_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate


def _sizes(shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else " x ".join(map(str, shape)) or "1"


TRANSFER_COLUMNS: tuple[Column[TensorTransfer], ...] = (
    Column("name", lambda row: row.name, "tensor", words=True),
    Column("shape", lambda row: list(row.shape), "shape", lambda row: _sizes(row.shape)),
    Column(
        "source_shape",
        lambda row: None if row.source_shape is None else list(row.source_shape),
        "there",
        lambda row: _sizes(row.source_shape),
    ),
    Column("how", lambda row: row.how, "taken", words=True),
)


def transfer_table(transfer: Transfer, source: str) -> PlainTable:
    """Return what was taken and what was not.

    Args:
        transfer: of the network.
        source: whose weights they are.
    """
    notes = [
        f"{transfer.taken:,} of {transfer.total:,} parameters are taken "
        f"({percent_text(transfer.share)} %)"
    ]
    if transfer.unused:
        notes.append(f"not used: {len(transfer.unused)} tensors of {source}")
    return tabulate(f"Weights of {source}", TRANSFER_COLUMNS, transfer.tensors, notes)
