"""try the enhancer in a browser, on a page that this computer serves

Nothing leaves the computer: the server answers calls from itself only.
"""

import argparse
import ipaddress
import socket
from functools import partial

from pvsd_modules.commands.common import (
    add_model_arguments,
    load_model,
    positive,
    say,
)
from pvsd_modules.commands.interruption import settle_interruption
from pvsd_modules.errors import PvsdError

EPILOG = "Open the printed address in a browser; Ctrl-C ends the server."
_LIMITS = {
    "megabytes": (100, "MB", "size of a file"),
    "seconds": (180, "S", "length of a recording"),
    "queue": (8, "N", "recordings that are received, waiting or in work at a time"),
    "timeout": (300, "S", "seconds to receive a file, and to enhance it"),
    "keep": (10, "MINUTES", "how long results are kept for a page that is gone"),
    "gigabytes": (4, "GB", "size of all results; the oldest are removed beyond it"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd demo``."""
    parser.add_argument(
        "--port",
        type=_port,
        default=8765,
        metavar="N",
        help="port to serve at, 0 for a free one (default: 8765)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to serve at (default: 127.0.0.1, for this computer only)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which other computers call this server; needed for "
        "addresses that they can reach",
    )
    for name, (default, unit, text) in _LIMITS.items():
        parser.add_argument(
            f"--{name}",
            type=positive,
            default=default,
            metavar=unit,
            help=f"limit: {text} (default: {default})",
        )
    add_model_arguments(parser)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number < 2**16:
        raise argparse.ArgumentTypeError(f"{text} is no port: use 0 to 65535")
    return number


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    try:
        import uvicorn

        from pvsd_modules.demo.app import started
        from pvsd_modules.demo.settings import Settings
    except ImportError as error:
        raise PvsdError(
            f"The demo needs the extra of its name (pip install 'pvsd[demo]'): {error}"
        ) from error
    from pvsd_modules.checkpoints.find import find_model

    find_model(args.model)  # a wrong name is reported at once
    listening = _listen(args.host, args.port, bool(args.allow_host))
    named = (name.lower() for name in (args.host, *args.allow_host))
    limits = {name: getattr(args, name) for name in _LIMITS}
    settings = Settings(hosts=(*Settings.hosts, *named), **limits)
    load = partial(load_model, "PseudoVisualEnhancement", args)
    try:
        with listening, started(load, settings) as app:
            config = uvicorn.Config(
                app,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=75,  # longer than a page is silent
                timeout_graceful_shutdown=2,
            )
            name, port = listening.getsockname()[:2]
            name = f"[{name}]" if ":" in name else name
            say(f"pvsd demo: http://{name}:{port} (Ctrl-C ends it)")
            uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        settle_interruption()  # the usual end
    return 0


def _listen(host: str, port: int, others: bool) -> socket.socket:
    """A socket at an address, which other computers reach only if they may."""
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not (others or ipaddress.ip_address(place[0]).is_loopback):
            raise PvsdError(
                f"Other computers can reach {host}: name the server as they call it "
                "with --allow-host, or leave --host out."
            )
        return socket.create_server(place[:2], family=family)
    except OSError as error:
        raise PvsdError(
            f"The server cannot listen at {host}, port {port} ({error}): choose "
            "another --port."
        ) from error
