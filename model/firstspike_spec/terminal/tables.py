"""Tables for a person."""

from typing import Any

from rich.table import Table


class FoldedTable(Table):
    """A table that breaks what does not fit into its column, where Rich's own cuts it."""

    def add_column(self, *arguments: Any, **options: Any) -> None:
        """Add a column, as of `rich.table.Table`."""
        super().add_column(*arguments, **{"overflow": "fold", **options})
