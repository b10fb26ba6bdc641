#!/usr/bin/python3
"""power-cut.py SEED ROUND ACKS write|verify: one life of a machine whose power will be cut.

voe-server runs here, in the guest, with its store on /dev/vda, and the kernel's own NBD
client uses its volume. Each life first runs voe-fsck, which must find the store sound, and
looks at every block: it must hold what the last flush covered, or something newer that was
written to it, and never a mixture. Then it writes, in batches that end with a flush, and prints "FLUSH M: ACK N." when the kernel says
that operation N and all before it are durable. The host cuts the power and remembers the N.

What an operation writes follows from SEED, ROUND and its number alone, so nothing need
be remembered but the Ns, "ROUND:N,..." in ACKS, and what each block held when the last
life began to write: /share/state.json, on the host's disk. After "verify" the index is
deleted, and all is looked at once more, now from the packs alone.
"""
import hashlib
import json
import mmap
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

BLOCK = 4096
BLOCKS = 4096          # of the volume; what is written stays in the first WRITTEN of them
WRITTEN = 768
LONGEST_RUN = 8        # blocks that one operation writes
BATCH = 24             # operations between two flushes, at most
SHARED_CONTENTS = 16   # so many contents come again and again, as duplicates
DEVICE, STORE, STATE = '/dev/nbd0', '/mnt/store', '/share/state.json'
# Small, so that packs are sealed and the index is checkpointed within a few seconds of writing.
OPTIONS = ('--volume', f'disk0={BLOCK * BLOCKS}', '--nbd', '127.0.0.1:10809', '--pack-size', '1MiB', '--checkpoint-interval', '2MiB',
           '--chunk-cache', '16MiB', '--index-memory', '16MiB', '--rocksdb-memory', '16MiB')


def content(seed, kind, *numbers):
    """A block that no other kind and numbers give; half of it compresses."""
    noise = hashlib.shake_128(repr((seed, kind, numbers)).encode()).digest(BLOCK // 2)
    return struct.pack('<8sQ', kind.encode(), numbers[-1]).ljust(BLOCK // 2, b'.') + noise


def operation(seed, life, number):
    """The operation of that number: first block and contents."""
    chance = random.Random(f'{seed}-{life}-{number}')
    count = chance.randint(1, LONGEST_RUN)
    first = chance.randrange(WRITTEN - count + 1)
    blocks = []
    for block in range(first, first + count):
        kind = chance.random()
        if kind < 0.1:
            blocks.append(bytes(BLOCK))
        elif kind < 0.35:
            blocks.append(content(seed, 'shared', chance.randrange(SHARED_CONTENTS)))
        else:
            blocks.append(content(seed, 'own', life, number, block))
    return first, blocks


def digest(block):
    return hashlib.sha256(block).hexdigest()[:24]


def allowed(base, seed, life, acked, issued_at_most):
    """For each block the digests that it may have after that life, which flushed up to operation `acked`."""
    durable, newer = list(base), [set() for _ in base]
    for number in range(1, issued_at_most + 1):
        first, blocks = operation(seed, life, number)
        for block, data in enumerate(blocks, first):
            if number <= acked:
                durable[block] = digest(data)
            else:
                newer[block].add(digest(data))
    return [{kept} | later for kept, later in zip(durable, newer)]


def look(expected):
    """Read every block from the server; what each holds, as digests. Ends the program at the first that may not be."""
    held = []
    device = os.open(DEVICE, os.O_RDONLY)
    for block, digests in enumerate(expected):
        data = os.pread(device, BLOCK, block * BLOCK)
        held.append(digest(data))
        if held[-1] not in digests:
            sys.exit(f'block {block} holds {data[:16]!r} {held[-1]}, expected one of {sorted(digests)}')
    os.close(device)
    return held


def write(seed, life):
    """Write batch after batch, for ever."""
    device = os.open(DEVICE, os.O_RDWR | os.O_DIRECT)
    number, flushes, chance = 0, 0, random.Random(f'{seed}-{life}')

    def put(first, blocks):
        buffer = mmap.mmap(-1, len(blocks) * BLOCK)  # aligned, as O_DIRECT wants it
        buffer.write(b''.join(blocks))
        if os.pwrite(device, buffer, first * BLOCK) != len(buffer):
            sys.exit('a short write')

    with ThreadPoolExecutor(4) as pool:
        while True:
            running, taken = [], set()
            for _ in range(chance.randint(1, BATCH)):
                number += 1
                first, blocks = operation(seed, life, number)
                span = set(range(first, first + len(blocks)))
                if taken & span:  # two writes in flight to one block may end in either order
                    wait(running)
                    running, taken = [], set()
                taken |= span
                running.append(pool.submit(put, first, blocks))
            wait(running)
            os.fsync(device)
            flushes += 1
            print(f'FLUSH {flushes}: ACK {number}.', flush=True)


def wait(running):
    for future in running:
        future.result()


def start_server():
    """The server, when it is ready and its volume is attached."""
    log = open('/tmp/server.log', 'ab')
    server = subprocess.Popen(['/programs/bin/voe-server', '--store', STORE, *OPTIONS], stdout=subprocess.PIPE, stderr=log,
                              env={**os.environ, 'DOTNET_ROOT': '/programs/dotnet'})
    begin = time.monotonic()
    line = server.stdout.readline().decode()
    if not line.startswith('voe-server ready: '):
        sys.exit(f'voe-server is not ready: {line}\n' + open('/tmp/server.log', encoding='utf-8').read())
    print(f'ready after {time.monotonic() - begin:.1f} s', flush=True)
    subprocess.run(['nbd-attach', 'disk0', DEVICE], env={**os.environ, 'NBD_HOST': '127.0.0.1'}, check=True, stdout=subprocess.DEVNULL)
    return server


def stop_server(server):
    subprocess.run(['nbd-client', '-d', DEVICE], check=True, stdout=subprocess.DEVNULL)
    server.terminate()
    if server.wait() != 0:
        sys.exit(f'voe-server ended with {server.returncode}\n' + open('/tmp/server.log', encoding='utf-8').read())


def check_store():
    """voe-fsck finds nothing wrong with what the power cut left."""
    check = subprocess.run(['/programs/bin/voe-fsck', 'verify', '--json', STORE], stdout=subprocess.PIPE, check=False,
                           env={**os.environ, 'DOTNET_ROOT': '/programs/dotnet'})
    if check.returncode:
        sys.exit(f'voe-fsck verify ended with {check.returncode}\n{check.stdout.decode()}')
    print('SOUND', flush=True)


def mount_disk():
    if subprocess.run(['blkid', '/dev/vda'], stdout=subprocess.DEVNULL, check=False).returncode:
        subprocess.run(['mkfs.ext4', '-q', '/dev/vda'], check=True)
    subprocess.run(['mount', '/dev/vda', '/mnt'], check=True)


def save(state):
    with open(STATE + '.new', 'w', encoding='utf-8') as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(STATE + '.new', STATE)


def main():
    seed, life, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4]
    acks = {int(pair.split(':')[0]): int(pair.split(':')[1]) for pair in sys.argv[3].split(',') if pair}
    mount_disk()
    if os.path.exists(STORE + '/superblock'):
        check_store()
    server = start_server()

    expected = [{digest(bytes(BLOCK))}] * WRITTEN
    if os.path.exists(STATE):
        with open(STATE, encoding='utf-8') as file:
            state = json.load(file)
        # The life that saved the state is the last that wrote; one batch may have been under way when it ended.
        acked = acks.get(state['life'], 0)
        expected = allowed(state['base'], seed, state['life'], acked, acked + 4 * BATCH)
    held = look(expected)
    print('VERIFIED', flush=True)
    if mode == 'write':
        save({'life': life, 'base': held})
        write(seed, life)
    stop_server(server)
    shutil.rmtree(STORE + '/index')
    server = start_server()
    look([{one} for one in held])
    print('VERIFIED from the packs alone', flush=True)
    stop_server(server)


main()
