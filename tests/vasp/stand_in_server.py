"""The process behind :mod:`stand_in_client`: imports the stand-in once, forks for every run."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback

from stand_in import main


def serve(address: str) -> None:
    """Answer runs until the process is ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                answer(connection)
                os._exit(0)
            connection.close()


def answer(connection: socket.socket) -> None:
    """Run the stand-in in a process of its own and send its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, outputs, _, _ = socket.recv_fds(connection, 1 << 16, 2)
    folder, modes = json.loads(message)
    pid = os.fork()
    if pid == 0:
        for number, output in enumerate(outputs, start=1):
            os.dup2(output, number)
        os.chdir(folder)
        os.environ.update(modes)
        code = 1
        try:
            code = main()
        except Exception:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


if __name__ == "__main__":
    serve(sys.argv[1])
