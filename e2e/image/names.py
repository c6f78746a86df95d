"""A DNS server for one name: `names.py ADDRESS NAME` answers that NAME is 127.0.0.1 and prints each question."""

import socket
import sys

address, known = sys.argv[1:]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((address, 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(512)
    labels, at = [], 12
    while size := query[at]:
        labels.append(query[at + 1 : at + 1 + size].decode())
        at += 1 + size
    name, kind = ".".join(labels), int.from_bytes(query[at + 1 : at + 3])
    print("asked", name, kind, flush=True)
    # An A record, or no record of the kind that is asked for, or (3) no such name.
    answers = name == known and kind == 1
    head = query[:2] + bytes([0x81, 0x80 if name == known else 0x83, 0, 1, 0, answers, 0, 0, 0, 0])
    record = bytes([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]) if answers else b""
    server.sendto(head + query[12 : at + 5] + record, client)
