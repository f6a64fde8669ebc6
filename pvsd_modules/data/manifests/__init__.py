"""Manifests: what lies on the disk, split, measured and written as JSON.

One kind of data a file: `speech`, `noise`, `mixtures`, `pairs`, `faces`. They share
`scan` (find and measure recordings), `splits` (who belongs to which set) and `store`
(write, and know whether anything has changed since).
"""
