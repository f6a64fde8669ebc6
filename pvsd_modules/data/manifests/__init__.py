"""Manifests: what lies on the disk, checked, split and written as JSON.

`scan` finds files, `quality` decodes and checks them, `splits` says which set they
belong to, `record` knows whether anything has changed since, and `build` does all this
in turn for one kind of data: `speech`, `noise`, `faces`, `pairs`, `rooms`. `mixtures`
draws the fixed lists.
"""
