#!/usr/bin/python3
"""aoe-power-cut.py LIFE ACKS write|verify: one life of a machine whose power will be cut, with a client that never flushes.

voe-server runs here, in the guest, with its store on /dev/vda, and serves AoE at one end of a cable; a client at the other
writes two sectors a frame, eight frames under way, and prints "ACK N." when all operations up to N were answered. Each life
writes to sectors of its own, and first reads back all that earlier lives had answered: ACKS is "LIFE:N,...".
What an operation writes follows from LIFE and N alone.
"""
import hashlib
import os
import socket
import struct
import subprocess
import sys

SECTOR, SECTORS, DEPTH = 512, 2, 8
OPERATIONS = 4000      # of a life: what it may write
STORE = '/mnt/store'
CONFIG = '''
[store]
path = "/mnt/store"
pack-size = "1MiB"
checkpoint-interval = "2MiB"
chunk-cache = "16MiB"
index-memory = "16MiB"
rocksdb-memory = "16MiB"
[[volume]]
name = "disk0"
size = "128MiB"
[[target]]
name = "target0"
volume = "disk0"
shelf = 1
slot = 0
'''


def content(life, number):
    noise = hashlib.shake_128(f'{life}-{number}'.encode()).digest(SECTORS * SECTOR // 2)
    return struct.pack('<QQ', life, number).ljust(SECTORS * SECTOR // 2, b'.') + noise


def place(life, number):
    """The first sector of an operation: neighbours are not written one after another, so that chunks are merged."""
    return (life * OPERATIONS + (number * 7) % OPERATIONS) * SECTORS


class Client:
    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88a2))
        self.socket.bind(('peer0', 0x88a2))
        self.address = self.socket.getsockname()[4]
        self.socket.settimeout(5)

    def send(self, tag, sector, data, is_write):
        ata = struct.pack('>BBBB', 0x41 if is_write else 0x40, 0, SECTORS, 0x34 if is_write else 0x24) + struct.pack('<Q', sector)
        self.socket.send(b'\xff' * 6 + self.address + struct.pack('>HBBHBBI', 0x88a2, 0x10, 0, 1, 0, 0, tag) + ata + data)

    def receive(self):
        """Tag and data of the next answer to this client."""
        while True:
            frame, (_, _, kind, _, _) = self.socket.recvfrom(2048)
            if kind != socket.PACKET_OUTGOING and frame[:6] == self.address and frame[14] & 8:
                if frame[14] & 4 or frame[27] & 1:
                    sys.exit(f'an operation failed: {frame[14:36].hex()}')
                return struct.unpack_from('>I', frame, 20)[0], frame[36:36 + SECTORS * SECTOR]


def start_server():
    with open('/tmp/voe.toml', 'w', encoding='utf-8') as file:
        file.write(CONFIG)
    server = subprocess.Popen(['/programs/bin/voe-server', '--config', '/tmp/voe.toml', '--aoe', 'lan0'], stdout=subprocess.PIPE,
                              stderr=open('/tmp/server.log', 'ab'), env={**os.environ, 'DOTNET_ROOT': '/programs/dotnet'})
    line = server.stdout.readline().decode()
    if 'aoe:lan0 (target 1.0)' not in line:
        sys.exit(f'voe-server is not ready: {line}\n' + open('/tmp/server.log', encoding='utf-8').read())
    return server


def main():
    life, mode = int(sys.argv[1]), sys.argv[3]
    acks = [(int(pair.split(':')[0]), int(pair.split(':')[1])) for pair in sys.argv[2].split(',') if pair]
    if subprocess.run(['blkid', '/dev/vda'], stdout=subprocess.DEVNULL, check=False).returncode:
        subprocess.run(['mkfs.ext4', '-q', '/dev/vda'], check=True)
    subprocess.run(['mount', '/dev/vda', '/mnt'], check=True)
    subprocess.run(['ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'peer0'], check=True)
    subprocess.run(['ip', 'link', 'set', 'peer0', 'up'], check=True)
    subprocess.run(['ip', 'link', 'set', 'lan0', 'up'], check=True)
    server = start_server()
    client = Client()
    looked = 0
    for earlier, acked in acks:
        for number in range(1, acked + 1):
            client.send(number, place(earlier, number), b'', is_write=False)
            tag, data = client.receive()
            if tag != number or data != content(earlier, number):
                sys.exit(f'operation {number} of life {earlier} was answered, and is lost: found {data[:16]!r}')
            looked += 1
    print(f'KEPT {looked}.', flush=True)
    if mode == 'verify':
        server.terminate()
        sys.exit(server.wait())
    done, issued, up_to = set(), 0, 0
    while up_to < OPERATIONS - 1:
        while issued - up_to < DEPTH and issued < OPERATIONS - 1:
            issued += 1
            client.send(issued, place(life, issued), content(life, issued), is_write=True)
        done.add(client.receive()[0])
        while up_to + 1 in done:
            up_to += 1
            print(f'ACK {up_to}.', flush=True)
    sys.exit('the power was not cut in time')


main()
