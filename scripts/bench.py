#!/usr/bin/env python3
"""What bench.sh runs: fio against voe-server, nbdkit and qemu-nbd by turns, medians, a report."""
import argparse
import dataclasses
import datetime
import itertools
import json
import mmap
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time

import bench_aoe

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 1 << 20
VOLUME_MIB = 4096  # what all servers export; no case writes more
SYNC_LIMIT_S = 60
WARM_UP_MIB = 256  # moved before each measurement by the same job: the just-in-time compiler and fio's start are not the matter
TOUCH_MIB = 4096   # memory used once before each measurement
SEEDS = itertools.count(1)  # else fio writes the same bytes in each run, and new data is none
SETTLE_S = 1.0     # between runs, after a sync: what one server left to do must not slow the other


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    unit: str        # MB/s or IOPS
    mib: int         # data moved, bounded by size and never by time: a log store would else write more than the volume
    options: tuple   # for fio
    reads: bool = False
    image: str = 'allocated'  # what the others' image file is at first: sparse, allocated, or written


WRITE_256K = ('--rw=write', '--bs=256k', '--iodepth=16')
READ_256K = ('--rw=read', '--bs=256k', '--iodepth=16')
RANDOM_WRITE = ('--rw=randwrite', '--bs=4k', '--norandommap', '--randrepeat=0')
RANDOM_READ = ('--rw=randread', '--bs=4k', '--norandommap', '--randrepeat=0')
CASES = (
    Case('write-new', '256k sequential write, new, incompressible', 'MB/s', 2048,
         WRITE_256K + ('--refill_buffers',), image='sparse'),
    Case('write-allocated', 'the same, into allocated images', 'MB/s', 2048,
         WRITE_256K + ('--refill_buffers',)),
    Case('write-half', '256k sequential write, new, compressible 2:1', 'MB/s', 1024,
         WRITE_256K + ('--refill_buffers', '--buffer_compress_percentage=50', '--buffer_compress_chunk=4k'), image='sparse'),
    Case('write-dup', '256k sequential write, duplicates', 'MB/s', 2048, WRITE_256K + ('--scramble_buffers=0',), image='sparse'),
    Case('read', '256k sequential read', 'MB/s', 2048, READ_256K, reads=True),
    Case('randwrite-32', '4k random write, depth 32', 'IOPS', 512, RANDOM_WRITE + ('--iodepth=32',)),
    Case('randwrite-1', '4k random write, depth 1', 'IOPS', 128, RANDOM_WRITE + ('--iodepth=1',)),
    Case('randread-32', '4k random read, depth 32', 'IOPS', 512, RANDOM_READ + ('--iodepth=32',), reads=True),
    Case('randread-1', '4k random read, depth 1', 'IOPS', 128, RANDOM_READ + ('--iodepth=1',), reads=True),
    Case('fsync-1', '4k random write, fsync after each, 1 job', 'IOPS', 24, RANDOM_WRITE + ('--iodepth=1', '--fsync=1'),
         image='written'),
    Case('fsync-8', '4k random write, fsync after each, 8 jobs', 'IOPS', 64,
         RANDOM_WRITE + ('--iodepth=1', '--fsync=1', '--numjobs=8'), image='written'),
    Case('fsync-32', '4k random write, depth 32, fsync after each 32', 'IOPS', 128,
         RANDOM_WRITE + ('--iodepth=32', '--fsync=32'), image='written'),
)


TITLES = {'voe': 'VoE', 'nbdkit': 'nbdkit', 'qemu': 'qemu-nbd raw', 'qcow2': 'qemu-nbd qcow2'}


@dataclasses.dataclass(frozen=True)
class Figure:
    value: float    # in the case's unit
    cpu: float      # seconds of the server's processors for a GiB moved


class Server:
    """A server process on a unix socket, with its data in a directory of its own."""

    def __init__(self, name, directory, socket):
        self.name, self.directory, self.socket = name, directory, socket
        self.log_path = directory.parent / f'{name}.log'
        self.process = None

    @property
    def image(self):
        return self.directory / ('disk0.qcow2' if self.name == 'qcow2' else 'disk0.raw')

    def command(self):
        if self.name == 'voe':
            return [os.environ['VOE_SERVER'], '--store', str(self.directory), '--nbd', f'unix:{self.socket}',
                    '--volume', f'disk0={VOLUME_MIB}MiB']
        if self.name == 'nbdkit':
            return ['nbdkit', '-f', '-e', 'disk0', '-U', str(self.socket), 'file', str(self.image)]
        return ['qemu-nbd', '--persistent', '--shared=16', '--export-name=disk0', f'--socket={self.socket}', '--cache=writeback',
                '--discard=unmap', f'--format={"qcow2" if self.name == "qcow2" else "raw"}', str(self.image)]

    def start(self):
        self.socket.unlink(missing_ok=True)
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f'bench: {self.name} did not become ready\n{self.log_path.read_text()}')
            time.sleep(0.02)

    def is_ready(self):
        if self.name == 'voe':
            return 'voe-server ready: ' in self.log_path.read_text()
        return self.socket.exists()

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


def fio(server, mib, options, offset_mib=0):
    jobs = next((int(option.split('=')[1]) for option in options if option.startswith('--numjobs=')), 1)
    area = VOLUME_MIB // 2 if '--norandommap' in options else mib
    command = ['fio', '--name=bench', '--ioengine=nbd', f'--uri=nbd+unix:///disk0?socket={server.socket}',
               f'--offset={offset_mib}m', f'--size={area // jobs}m', f'--io_size={mib // jobs}m', '--output-format=json', '--thread',
               f'--randseed={next(SEEDS)}', *options]
    if jobs > 1:
        command += [f'--offset_increment={area // jobs}m', '--group_reporting']
    before = server.cpu_seconds()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    cpu = server.cpu_seconds() - before
    if run.returncode:
        sys.exit(f'bench: fio failed against {server.name}\n{run.stdout}\n{run.stderr}\n{server.log_path.read_text()[-4000:]}')
    # fio may say a word about its options before the JSON
    job = json.loads(run.stdout[run.stdout.index('{'):])['jobs'][0]
    side = max((job['read'], job['write']), key=lambda part: part['io_bytes'])
    return side, cpu * 1024 * MIB / side['io_bytes']


def make_image(server, case):
    """The image file of a server that has no store: new, or allocated so that it need not search for space, or written."""
    raw = server.directory / 'disk0.raw'
    with open(raw, 'wb') as file:
        file.truncate(VOLUME_MIB * MIB)
        if case.image != 'sparse':
            os.posix_fallocate(file.fileno(), 0, VOLUME_MIB * MIB)
        if case.image == 'written':
            block = os.urandom(MIB)
            for _ in range(VOLUME_MIB // 2):
                file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if server.name == 'qcow2':
        if case.image == 'written':
            command = ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', str(raw), str(server.image)]
        else:
            preallocation = 'off' if case.image == 'sparse' else 'falloc'
            command = ['qemu-img', 'create', '-q', '-f', 'qcow2', '-o', f'preallocation={preallocation}', str(server.image),
                       f'{VOLUME_MIB}M']
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        raw.unlink()


def touch_memory():
    """Uses memory once and gives it back. The host of a virtual machine may provide a page only at its first use, which
    costs ten times what the page's use does: whoever comes first after a rest would pay for both."""
    with mmap.mmap(-1, TOUCH_MIB * MIB) as memory:
        for page in range(0, len(memory), mmap.PAGESIZE):
            memory[page] = 1


def warm_up(server, case, mib):
    """The job that is measured next, shorter, and when it writes, to the last quarter of the volume."""
    part = min(WARM_UP_MIB, mib // 4)
    if case.reads or '--norandommap' in case.options:
        fio(server, part, case.options)
    else:
        fio(server, part, case.options, offset_mib=VOLUME_MIB * 3 // 4)


def settle():
    try:
        subprocess.run(['sync'], timeout=SYNC_LIMIT_S, check=True)
    except subprocess.TimeoutExpired:
        print(f'bench: something else writes to the disks, sync did not end within {SYNC_LIMIT_S} s', file=sys.stderr)
    time.sleep(SETTLE_S)


def measure(server, case, mib):
    """One run on a new store or file. The reads find half of the volume written, by this server and just before."""
    shutil.rmtree(server.directory, ignore_errors=True)
    server.directory.mkdir(parents=True)
    if server.name != 'voe':
        make_image(server, case)
    settle()
    server.start()
    try:
        if case.reads:
            fio(server, VOLUME_MIB // 2, WRITE_256K)
        warm_up(server, case, mib)
        settle()
        touch_memory()
        side, cpu = fio(server, mib, case.options)
    finally:
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)
    return Figure(side['bw_bytes'] / 1e6 if case.unit == 'MB/s' else side['iops'], cpu)


def median(figures):
    return Figure(statistics.median(f.value for f in figures), statistics.median(f.cpu for f in figures))


def table(results, names):
    """Speeds, with VoE's as a multiple of each other one's behind it, and the servers' processor time."""
    others = [name for name in names if name != 'voe']
    speed = ['| case | | VoE |' + ''.join(f' {TITLES[name]} | ratio |' for name in others),
             '|---|---|---:|' + '---:|---:|' * len(others)]
    cpu = ['| CPU seconds a GiB |' + ''.join(f' {TITLES[name]} |' for name in ['voe', *others]), '|---|' + '---:|' * (len(others) + 1)]
    for case, figures in results:
        medians = {name: median(figures[name]) for name in names}
        voe = medians['voe'].value
        speed.append(f'| {case.title} | {case.unit} | {voe:,.0f} |'
                     + ''.join(f' {medians[name].value:,.0f} | {voe / medians[name].value:.2f} |' for name in others))
        cpu.append(f'| {case.title} |' + ''.join(f' {medians[name].cpu:.2f} |' for name in ['voe', *others]))
    return '\n'.join([*speed, '', *cpu])


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return 'unknown'


def machine(directory):
    cpu = next((line.split(':')[1].strip() for line in open('/proc/cpuinfo', encoding='utf-8') if line.startswith('model name')),
               platform.machine())
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30)
    disk = output_of('findmnt', '-no', 'SOURCE,FSTYPE', '-T', str(directory))
    return (f'{os.cpu_count()} processors ({cpu}), {memory:.0f} GiB of memory, Linux {platform.release()}, '
            f'{" with ".join(disk.split())}')


def report(results, names, runs, directory, aoe):
    commit = output_of('git', '-C', str(ROOT), 'describe', '--always', '--dirty')
    return f'''# Benchmarks
Written by `scripts/bench.sh` on {datetime.date.today()}; medians of {runs} runs, the servers by turns.
A ratio above 1 means that VoE is faster.

- VoE: commit {commit}, .NET {output_of('dotnet', '--version')} SDK
- {output_of('nbdkit', '--version')}, `nbdkit file` on a raw image
- {output_of('qemu-nbd', '--version')}, on a raw image and on a qcow2 image, `--cache=writeback`
- client: {output_of('fio', '--version')} with its nbd engine, unix sockets
- {machine(directory)}

{table(results, names)}

## Over AoE, beside vblade
{aoe}

## How it is measured
- Every case is bounded by size. Each run has a new store, or a new image for the others; after a `sync` and a second
  of rest.
- A short run of the same job, with other data, comes before the measured one, so that all servers are warm. Memory is used
  once before, too: the host of a virtual machine may provide pages only then.
- New data goes to new images: sparse files, a new qcow2. In all other cases the images are allocated before, and for fsync
  they were written before, which is the best case for their servers.
- VoE checks, deduplicates and compresses all the while; the others copy bytes. The duplicates are fio's one buffer over and
  over; "2:1" is half random bytes, half zeroes in each chunk.
- The reads find what was written to the same server just before: from memory, as far as the server and the page cache hold it.
- Writes without fsync end in memory with all servers. CPU is the server's alone, user and system.
- Over AoE: {output_of('dpkg-query', '-W', 'vblade')} on an allocated file, one veth pair, one initiator for both (`bench/AoeLoad.cs`).
  "buffered" is `durability = "process"` beside vblade's default, "durable" is `durability = "power"` beside its `-s` (O_SYNC).
  The data is new and incompressible; CPU includes a warm-up of an eighth.
- The machine is what it is: ratios of one run compare, figures of different days do not.
'''


def parse():
    parser = argparse.ArgumentParser(prog='bench.sh', description='voe-server beside nbdkit and qemu-nbd, over NBD')
    parser.add_argument('--quick', action='store_true', help='a fourth of the data, one run of each')
    parser.add_argument('--runs', type=int, help='medians of that many runs (3)')
    parser.add_argument('--only', action='append', metavar='CASE', choices=[case.name for case in CASES] + ['aoe'])
    parser.add_argument('--against', action='append', metavar='SERVER', choices=list(TITLES)[1:],
                        help='only these beside voe-server: nbdkit, qemu (raw image), qcow2; may be repeated')
    parser.add_argument('--dir', type=pathlib.Path, default=ROOT / 'var/bench', help='on the disk to measure (var/bench)')
    parser.add_argument('--output', type=pathlib.Path, help='the report (docs/benchmarks.md)')
    parser.add_argument('--list', action='store_true', help='name the cases')
    options = parser.parse_args()
    options.against = options.against or list(TITLES)[1:]
    options.runs = options.runs or (1 if options.quick else 3)
    if options.output is None and not options.quick and not options.only:
        options.output = ROOT / 'docs/benchmarks.md'
    return options


def main():
    options = parse()
    if options.list:
        for case in CASES:
            print(f'{case.name:16}{case.title}')
        print(f'{"aoe":16}over AoE, beside vblade: {len(bench_aoe.CASES)} cases')
        return
    directory = options.dir.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    # The path of a unix socket has at most 107 bytes.
    sockets = pathlib.Path(os.environ.get('XDG_RUNTIME_DIR') or '/tmp')
    servers = [Server(name, directory / name, sockets / f'voe-bench-{os.getpid()}-{name}') for name in ['voe', *options.against]]
    names = [server.name for server in servers]
    results = []
    try:
        for case in CASES:
            if options.only and case.name not in options.only:
                continue
            figures = {name: [] for name in names}
            for run in range(options.runs):
                for server in servers if run % 2 == 0 else reversed(servers):
                    figure = measure(server, case, case.mib // 4 if options.quick else case.mib)
                    figures[server.name].append(figure)
                    print(f'{case.name:16}{server.name:8}{figure.value:10,.0f} {case.unit}, {figure.cpu:.2f} CPU s a GiB', flush=True)
            results.append((case, figures))
    finally:
        for server in servers:
            server.stop()
            server.socket.unlink(missing_ok=True)
    if results:
        print('\n' + table(results, names))
    aoe = 'Not measured: network namespaces need root.'
    if not os.geteuid() and 'aoe' in (options.only or ['aoe']):
        aoe = bench_aoe.run(directory / 'aoe', options.runs, options.quick)
        print(f'\n{aoe}')
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(report(results, names, options.runs, directory, aoe), encoding='utf-8')
        print(f'\nwritten to {options.output}')


main()
