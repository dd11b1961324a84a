"""A MongoDB server for tests: pymongo's clients talk to it over TCP, mongomock holds the data.

Run ``python tests/hpc/mongo_server.py [--port N]``: its URI is the first line of the output.

Every command is atomic, as on a server (find_one_and_update included). It listens on this machine
only and keeps nothing on disk. There are no transactions, no users and no text indexes.
"""

from __future__ import annotations

import argparse
import os
import socket
import socketserver
import struct
import sys
import threading
from urllib.parse import urlsplit, urlunsplit

import bson
from mongo_commands import Database, Document

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HEADER = struct.Struct("<iiii")  # length of the message, its id, the id it answers, operation
CHECKSUM_PRESENT, MORE_TO_COME = 1, 2  # flags of OP_MSG


class _Connection(socketserver.BaseRequestHandler):
    """One client: reads messages, asks the database, writes the answers."""

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                length, number, _, operation = HEADER.unpack(self._read(HEADER.size))
                body = self._read(length - HEADER.size)
                if operation == OP_MSG:
                    reply = self._message(body)
                elif operation == OP_QUERY:  # the first greeting of a client
                    reply = struct.pack("<iqii", 8, 0, 0, 1) + self._query(body)
                else:
                    return
                if reply:
                    kind = OP_REPLY if operation == OP_QUERY else OP_MSG
                    header = HEADER.pack(HEADER.size + len(reply), number + 1, number, kind)
                    self.request.sendall(header + reply)
        except (EOFError, ConnectionError):
            pass  # the client has gone, or was killed

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self.request.recv(size - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _query(self, body: bytes) -> bytes:
        start = body.index(b"\0", 4) + 9  # behind flags, name, and the numbers to skip and return
        (size,) = struct.unpack_from("<i", body, start)
        return self._answer(bson.decode(body[start : start + size]))

    def _message(self, body: bytes) -> bytes:
        """Answer to an OP_MSG: a command, and lists of documents that belong to it."""
        (flags,) = struct.unpack_from("<I", body)
        end = len(body) - (4 if flags & CHECKSUM_PRESENT else 0)
        command: Document = {}
        lists: dict[str, list[Document]] = {}
        start = 4
        while start < end:
            kind, (size,) = body[start], struct.unpack_from("<i", body, start + 1)
            section = body[start + 1 : start + 1 + size]
            if kind == 0:
                command = bson.decode(section)
            else:
                name, _, documents = section[4:].partition(b"\0")
                lists[name.decode()] = bson.decode_all(documents)
            start += 1 + size
        answer = self._answer(command | lists)
        return b"" if flags & MORE_TO_COME else struct.pack("<IB", 0, 0) + answer

    def _answer(self, command: Document) -> bytes:
        database: Database = self.server.database  # type: ignore[attr-defined]
        return bson.encode(database.answer(command))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def database_uri(server: str, name: str) -> str:
    """URI of a database of a server; users are still looked up where the server's URI says."""
    parts = urlsplit(server)
    options = [parts.query] if parts.query else []
    if parts.username and "authSource=" not in parts.query:
        options.append(f"authSource={parts.path.strip('/') or 'admin'}")
    return urlunsplit(parts._replace(path=f"/{name}", query="&".join(options)))


def main() -> None:
    """Serve until a signal ends it, or until whoever started it is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="end with the standard input")
    options = parser.parse_args()
    if options.until_eof:
        threading.Thread(target=_end_with_input, daemon=True).start()
    with _Server(("127.0.0.1", options.port), _Connection) as server:
        server.database = Database()  # type: ignore[attr-defined]
        print(f"mongodb://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever(poll_interval=0.1)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)  # there is nothing to save


if __name__ == "__main__":
    main()
