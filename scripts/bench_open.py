#!/usr/bin/env python3
"""What `bench.sh open` runs: how long voe-server takes to be ready again after kill -9, with so much log to replay."""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VOLUME = '8GiB'
CASES = {
    'sequential': ('256k sequential write, new', ('--rw=write', '--bs=256k', '--iodepth=16')),
    'random': ('4k random write', ('--rw=randwrite', '--bs=4k', '--iodepth=32', '--norandommap')),
}


def start(store, socket, log_path):
    """The server, and the seconds until it was ready."""
    with open(log_path, 'wb') as log:
        begin = time.monotonic()
        server = subprocess.Popen([os.environ['VOE_SERVER'], '--store', str(store), '--nbd', f'unix:{socket}', '--volume', f'disk0={VOLUME}',
                                   '--log-level', 'info'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
    line = server.stdout.readline().decode()
    ready = time.monotonic() - begin
    if not line.startswith('voe-server ready: '):
        sys.exit(f'bench: voe-server did not become ready\n{log_path.read_text()}')
    return server, ready


def measure(directory, socket, options, mib, is_cold):
    """One life that ends with kill -9, and the start after it: seconds, and MiB of log that it says it replayed."""
    store, log = directory / 'store', directory / 'voe.log'
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    server, _ = start(store, socket, log)
    try:
        subprocess.run(['fio', '--name=bench', '--ioengine=nbd', f'--uri=nbd+unix:///disk0?socket={socket}', '--size=4g',
                        f'--io_size={mib}m', '--refill_buffers', '--thread', *options],
                       check=True, stdout=subprocess.DEVNULL)
    finally:
        server.kill()
        server.wait()
    if is_cold:
        subprocess.run(['sync'], check=True)
        pathlib.Path('/proc/sys/vm/drop_caches').write_text('3', encoding='ascii')
    server, ready = start(store, socket, log)
    server.kill()
    server.wait()
    replayed = [int(number) for number in re.findall(r'of (\d+) MiB', log.read_text())]
    return ready, replayed[-1] if replayed else 0


def main():
    parser = argparse.ArgumentParser(prog='bench.sh open', description='the start of voe-server after kill -9')
    parser.add_argument('--runs', type=int, default=3, help='medians of that many runs (3)')
    parser.add_argument('--mib', type=int, action='append', help='data written before the kill (64 and 960)')
    parser.add_argument('--cold', action='store_true', help='with an empty page cache (needs root)')
    parser.add_argument('--dir', type=pathlib.Path, default=ROOT / 'var/bench', help='on the disk to measure (var/bench)')
    options = parser.parse_args()
    directory = options.dir.resolve() / 'open'
    socket = pathlib.Path(os.environ.get('XDG_RUNTIME_DIR') or '/tmp') / f'voe-bench-{os.getpid()}-open'
    print('| written, then killed | log replayed | ready after |\n|---|---:|---:|')
    try:
        for title, fio in CASES.values():
            for mib in options.mib or [64, 960]:
                runs = [measure(directory, socket, fio, mib, options.cold) for _ in range(options.runs)]
                print(f'| {mib} MiB, {title} | {statistics.median(run[1] for run in runs):.0f} MiB '
                      f'| {statistics.median(run[0] for run in runs):.2f} s |', flush=True)
    finally:
        socket.unlink(missing_ok=True)
        shutil.rmtree(directory, ignore_errors=True)


main()
