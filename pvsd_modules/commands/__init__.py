"""Subcommands of ``pvsd``: each has ``add_arguments(parser)`` and ``run(args)``."""
