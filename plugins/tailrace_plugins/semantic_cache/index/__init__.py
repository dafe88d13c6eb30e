"""Nearest neighbours per partition, in memory, beside a store that holds the truth.

Import `index.index` (or any module of this folder) only when the plugin starts: they need numpy and hnswlib, which the
base install does not have. This package itself loads nothing.
"""
