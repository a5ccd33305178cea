"""A PostgreSQL server of a check's own: its own folder, a Unix socket, no TCP."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from cloud import CheckFailed, wait_for

ROOT = pathlib.Path("/usr/lib/postgresql")


class PostgresServer:
    """Runs while a `with` statement does; `connection` is what the program's `store.database` takes."""

    def __enter__(self):
        versions = sorted((folder for folder in ROOT.glob("*/bin/initdb")), key=lambda path: int(path.parts[-3]))
        if not versions:
            raise CheckFailed("there is no PostgreSQL server on this machine")
        self.programs = versions[-1].parent
        # The folder's name is short: a socket's may have some hundred characters only.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="altostack-pg-", dir="/tmp"))
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres")
        self.process = None
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        self.connection = f"host='{self.directory}' user=altostack dbname=postgres"
        return self

    def start(self):
        data = str(self.directory / "data")
        self.run("initdb", "-D", data, "-U", "altostack", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        command = self.unprivileged("postgres", "-D", data, "-k", str(self.directory), "-c", "listen_addresses=", "-c", "fsync=off")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        ready = self.unprivileged("pg_isready", "-q", "-h", str(self.directory))
        wait_for("a PostgreSQL server", lambda: subprocess.run(ready, cwd="/", check=False).returncode == 0, 30, 0.1)
        self.directory.chmod(0o755)

    def unprivileged(self, program, *arguments):
        """A command of PostgreSQL's, which does not run as root and ends when the check dies."""
        command = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--pdeathsig", "INT", *command]
        return command

    def run(self, *command):
        done = subprocess.run(self.unprivileged(*command), capture_output=True, text=True, cwd="/", check=False)
        if done.returncode != 0:
            raise CheckFailed(f"{command[0]}: {done.stderr}")

    def __exit__(self, *_):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
