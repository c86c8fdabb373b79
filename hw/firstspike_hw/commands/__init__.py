"""The sub-commands of this package. Each imports Amaranth only when it runs."""
