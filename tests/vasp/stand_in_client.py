"""What VASP_CMD calls in the tests: hands folder and output over to a process that waits.

Importing ASE takes longer than everything the stand-in does, so that one process imports it once
(:mod:`stand_in_server`) and forks for every run. The standard library alone is used here.
"""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    modes = {key: value for key, value in os.environ.items() if key.startswith("STAND_IN")}
    message = json.dumps([os.getcwd(), modes]).encode()
    socket.send_fds(server, [message], [1, 2])
    code = int(server.recv(16))
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
