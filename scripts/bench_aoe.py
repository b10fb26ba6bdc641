#!/usr/bin/env python3
"""bench.sh aoe: voe-server beside vblade over AoE, on one veth pair, with one initiator (bench/AoeLoad.cs), by turns."""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOAD = ROOT / 'bench/bin/Release/net10.0/Voe.Benchmarks.dll'
VOLUME_MIB = 1024
NAMESPACE = f'voe-bench-{os.getpid()}'
GIB = 1 << 30
SETTLE_S = 0.5
# KiB that a case moves at MTU 1500; at 9000 it is four times that. Bounded by size, as a log store would else write more.
BUFFERED_KIB = {1: 64 << 10, 16: 192 << 10}
SYNCED_KIB = {1: 2 << 10, 16: 16 << 10}


@dataclasses.dataclass(frozen=True)
class Case:
    mtu: int
    rw: str        # read or write
    promise: str   # for writes: process, against vblade's default, or power, against vblade -s
    depth: int

    @property
    def title(self):
        what = self.rw if self.rw == 'read' else f'write, {"buffered" if self.promise == "process" else "durable"}'
        return f'{what}, MTU {self.mtu}, depth {self.depth}'

    @property
    def kib(self):
        return (SYNCED_KIB if self.promise == 'power' else BUFFERED_KIB)[self.depth] * (4 if self.mtu == 9000 else 1)


CASES = [Case(mtu, rw, promise, depth)
         for mtu in (1500, 9000) for rw, promise in (('read', 'process'), ('write', 'process'), ('write', 'power')) for depth in (1, 16)]


@dataclasses.dataclass(frozen=True)
class Figure:
    frames: float  # a second
    mb: float      # MB a second
    cpu: float     # seconds of the server's processors for a GiB


def in_namespace(*command):
    return ['ip', 'netns', 'exec', NAMESPACE, *command]


def set_up_network():
    for words in (['netns', 'add', NAMESPACE], ['-n', NAMESPACE, 'link', 'set', 'lo', 'up'],
                  ['-n', NAMESPACE, 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'peer0']):
        subprocess.run(['ip', *words], check=True)


def set_mtu(mtu):
    for name in ('lan0', 'peer0'):
        subprocess.run(['ip', '-n', NAMESPACE, 'link', 'set', name, 'mtu', str(mtu), 'up'], check=True)


class Server:
    """voe-server or vblade, at lan0, with a volume or image of its own as target 1.0."""

    def __init__(self, name, directory):
        self.name, self.directory = name, directory / name
        self.log_path = directory / f'{name}.log'
        self.process = None

    def command(self, promise):
        if self.name == 'vblade':
            image = self.directory / 'disk0'
            with open(image, 'wb') as file:
                os.posix_fallocate(file.fileno(), 0, VOLUME_MIB << 20)
            return ['vblade', *(['-s'] if promise == 'power' else []), '1', '0', 'lan0', str(image)]
        config = self.directory / 'voe.toml'
        config.write_text(f'[[volume]]\nname = "disk0"\nsize = "{VOLUME_MIB}MiB"\n[[target]]\nname = "t"\nvolume = "disk0"\n'
                          f'shelf = 1\nslot = 0\ndurability = "{promise}"\n', encoding='utf-8')
        return [os.environ['VOE_SERVER'], '--config', str(config), '--store', str(self.directory / 'store'),
                '--nbd', f'unix:/tmp/{NAMESPACE}', '--aoe', 'lan0']

    def start(self, promise):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(in_namespace(*self.command(promise)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f'bench: {self.name} did not become ready\n{self.log_path.read_text()}')
            time.sleep(0.05)

    def is_ready(self):
        if self.name == 'voe':
            return 'voe-server ready: ' in self.log_path.read_text()
        return b' 88a2 ' in subprocess.run(in_namespace('cat', '/proc/net/packet'), capture_output=True, check=True).stdout

    def cpu_seconds(self):
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        shutil.rmtree(self.directory, ignore_errors=True)


def move(server, rw, depth, kib, start_kib=0):
    before = server.cpu_seconds()
    run = subprocess.run(in_namespace('dotnet', str(LOAD), 'aoe', 'peer0', '1', '0', rw, str(depth), str(kib), str(start_kib)),
                         capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f'bench: the initiator failed against {server.name}\n{run.stderr}\n{server.log_path.read_text()[-4000:]}')
    result = json.loads(run.stdout)
    if result['resent']:
        print(f'bench: {result["resent"]} frames were sent again to {server.name}', file=sys.stderr)
    # The warm-up, an eighth, counts too: it cannot be told apart from outside.
    cpu = (server.cpu_seconds() - before) * GIB / (result['bytes'] * 9 / 8)
    return Figure(result['frames'] / result['seconds'], result['bytes'] / result['seconds'] / 1e6, cpu)


def measure(server, case, kib):
    server.start(case.promise)
    try:
        if case.rw == 'read':
            move(server, 'write', 16, kib)
        time.sleep(SETTLE_S)
        return move(server, case.rw, case.depth, kib)
    finally:
        server.stop()


def median(figures):
    return Figure(*(statistics.median(getattr(figure, name) for figure in figures) for name in ('frames', 'mb', 'cpu')))


def table(results):
    lines = ['| case | VoE frames/s | vblade | ratio | VoE MB/s | vblade | VoE CPU s a GiB | vblade |', '|---|' + '---:|' * 7]
    for case, figures in results:
        voe, other = median(figures['voe']), median(figures['vblade'])
        lines.append(f'| {case.title} | {voe.frames:,.0f} | {other.frames:,.0f} | {voe.frames / other.frames:.2f} | {voe.mb:,.1f} | '
                     f'{other.mb:,.1f} | {voe.cpu:.2f} | {other.cpu:.2f} |')
    return '\n'.join(lines)


def run(directory, runs, quick=False, only=''):
    """Measures all cases; the table, in Markdown."""
    subprocess.run(['dotnet', 'build', str(ROOT / 'bench'), '-c', 'Release', '-v', 'quiet', '-nologo'], check=True, stdout=subprocess.DEVNULL)
    directory.mkdir(parents=True, exist_ok=True)
    servers = [Server('voe', directory), Server('vblade', directory)]
    results = []
    set_up_network()
    try:
        for case in CASES:
            if only not in case.title:
                continue
            set_mtu(case.mtu)
            figures = {'voe': [], 'vblade': []}
            for number in range(runs):
                for server in servers if number % 2 == 0 else reversed(servers):
                    figure = measure(server, case, case.kib // 4 if quick else case.kib)
                    figures[server.name].append(figure)
                    print(f'{case.title:42}{server.name:8}{figure.frames:10,.0f} frames/s {figure.mb:8,.1f} MB/s '
                          f'{figure.cpu:7.2f} CPU s a GiB', flush=True)
            results.append((case, figures))
    finally:
        for server in servers:
            server.stop()
        subprocess.run(['ip', 'netns', 'del', NAMESPACE], check=False)
        pathlib.Path(f'/tmp/{NAMESPACE}').unlink(missing_ok=True)
    return table(results)


def main():
    parser = argparse.ArgumentParser(prog='bench.sh aoe', description='voe-server beside vblade, over AoE')
    parser.add_argument('--quick', action='store_true', help='a fourth of the data, one run of each')
    parser.add_argument('--runs', type=int, help='medians of that many runs (3)')
    parser.add_argument('--only', default='', metavar='WORDS', help='only cases whose title has these words, such as "MTU 9000"')
    parser.add_argument('--dir', type=pathlib.Path, default=ROOT / 'var/bench-aoe', help='on the disk to measure (var/bench-aoe)')
    options = parser.parse_args()
    if os.geteuid():
        sys.exit('bench: network namespaces need root')
    print('\n' + run(options.dir.resolve(), options.runs or (1 if options.quick else 3), options.quick, options.only))


if __name__ == '__main__':
    main()
