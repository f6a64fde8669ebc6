"""The page of `pvsd demo`: a web server for this machine, and what it serves."""
