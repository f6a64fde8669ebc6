"""Weights on disk: finding, loading, converting and exporting them."""
