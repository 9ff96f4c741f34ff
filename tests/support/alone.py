#!/usr/bin/env python3
"""Runs a command that can reach nothing but one local server, and writes down whom else it tried to reach.

    unshare --net alone.py SOCKET CONTACTS COMMAND...

Inside the new network namespace, port 8317 of 127.0.0.1 leads to the Unix socket SOCKET, which is outside. Every other
address is this namespace itself: names that are looked up are refused, connections to the ports of the web are closed,
and both are appended to the file CONTACTS, one a line. The exit status is that of the command.
"""

import pathlib
import socket
import subprocess
import sys
import threading

PORT = 8317
DNS_PORT = 53
WEB_PORTS = (80, 443)
REFUSED = 5


def in_background(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()


def copy(source, target):
    """Passes bytes on until there are no more, and passes that on as well."""
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            end.close()


def forward(path):
    listener = socket.create_server(("127.0.0.1", PORT), backlog=128)

    def accept():
        while True:
            inside, _ = listener.accept()
            inside.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            outside = socket.socket(socket.AF_UNIX)
            outside.connect(path)
            in_background(copy, inside, outside)
            in_background(copy, outside, inside)

    in_background(accept)


def name_in(question):
    """The name that a DNS question asks for."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels)


def watch(note):
    # Answers have to come from the address that was asked, so a socket for each of them.
    servers = [line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver")]
    for server in {*servers, "127.0.0.1"}:
        names = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        names.bind((server, DNS_PORT))
        in_background(refuse_names, names, note)
    for port in WEB_PORTS:
        in_background(refuse_connections, socket.create_server(("0.0.0.0", port), backlog=128), note)


def refuse_names(names, note):
    while True:
        question, asker = names.recvfrom(4096)
        note(f"name {name_in(question)}")
        names.sendto(question[:2] + bytes([0x81, 0x80 | REFUSED]) + question[4:], asker)


def refuse_connections(listener, note):
    while True:
        connection, _ = listener.accept()
        note("connection to {}:{}".format(*connection.getsockname()))
        connection.close()


def main():
    path, contacts, *command = sys.argv[1:]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "route", "add", "local", "default", "dev", "lo"], check=True)
    contacts = pathlib.Path(contacts).open("a", buffering=1)
    watch(lambda line: contacts.write(line + "\n"))
    forward(path)
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
