"""Runs the openstack client many times in one process: reads one JSON list of arguments a line and answers one JSON
object with the exit code and both outputs. It saves the second that each start of the client costs; the client itself
is not touched. To be run by the Python of the client's own environment."""

import contextlib
import importlib.metadata
import io
import json
import logging
import sys
import warnings

from openstackclient import shell
from osc_lib.clientmanager import ClientCache, ClientManager


def forget():
    """Drops the services' clients that were made, which keep their API version for the life of the process."""
    for value in vars(ClientManager).values():
        if isinstance(value, ClientCache):
            value._handle = None


class Terminal(io.StringIO):
    """What commands find as their input: nobody types. They would take the requests' pipe for a file's bytes."""

    def isatty(self):
        return True


def run(arguments):
    forget()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = shell.OpenStackShell().run(arguments)
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else 1
    # A few commands answer rows where the exit code belongs; that is no failure.
    code = code if isinstance(code, int) else 0
    for handler in list(logging.getLogger("").handlers):
        logging.getLogger("").removeHandler(handler)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def commands(group):
    """The commands that the client has in a group, such as `openstack.identity.v3`."""
    return sorted(entry.name.replace("_", " ") for entry in importlib.metadata.entry_points(group=group))


def main():
    warnings.filterwarnings("ignore")
    requests, sys.stdin = sys.stdin, Terminal()
    for line in requests:
        request = json.loads(line)
        answer = commands(request) if isinstance(request, str) else run(request)
        print(json.dumps(answer), flush=True)


main()
