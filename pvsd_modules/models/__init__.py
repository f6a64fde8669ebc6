"""The networks, one a file: the paper's, number for number, and the open family."""
