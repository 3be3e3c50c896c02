"""Starts servers, runs programs and measures them, for all figures in this folder.

Servers run on one core and the load on another, so that neither takes time from the other; operations that a user
waits for (commands, saving, reading a file) may use both. Everything listens on 127.0.0.1, has a time limit, and is
ended by its process id. Does not know what is compared with what.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER_CORE, CLIENT_CORE = 0, 1
READY = "ready to serve client requests"
TIME_LIMIT = 900
KINDS = ("ours", "etcd")
MIB = 1 << 20


def row(what, ours, theirs, unit, most=None, least=None):
    """A row of the table: see `figures.py`."""
    ratio = ours / theirs if theirs else float("inf")
    if most is not None:
        return (what, ours, theirs, unit, ratio, f"<= {most}", ratio <= most)
    if least is not None:
        return (what, ours, theirs, unit, ratio, f">= {least}", ratio >= least)
    return (what, ours, theirs, unit, ratio, "", True)


class Programs:
    """The programs to compare: ours, and those of one etcd release."""

    def __init__(self, release, build, itself=False):
        etcd = Path(os.environ.get("ETCD_TEST_BIN") or ROOT / "target/etcd")
        target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
        # The programs are those of the release archive.
        ours, loads = target / "dist", target / "release/examples"
        if build:
            for what in (["--profile=dist", "--bins"], ["--release", "--example", "load", "--example", "streams"]):
                subprocess.run(["cargo", "build", "--quiet", "--locked", *what], cwd=ROOT, check=True)
        self.release = release
        self.load = loads / "load"
        self.streams = loads / "streams"
        self.etcdctl = {"ours": ours / "etcdctl", "etcd": etcd / f"etcdctl-{release}"}
        self.etcdutl = {"ours": ours / "etcdutl", "etcd": etcd / f"etcdutl-{release}"}
        self.server = {"ours": [ours / "etcdctl", "serve"], "etcd": [etcd / f"etcd-{release}"]}
        if itself:
            for pair in (self.etcdctl, self.etcdutl, self.server):
                pair["ours"] = pair["etcd"]
        self.cluster_flags = {"etcd"} | ({"ours"} if itself else set())
        for path in [self.load, self.streams, *self.etcdctl.values(), *self.etcdutl.values(), self.server["etcd"][0]]:
            if not path.exists():
                sys.exit(f"{path} is not there (.ci/etcd brings etcd's programs, --build builds ours)")


def self_signed(folder):
    """A certificate for 127.0.0.1, and the flags with which a server uses it."""
    certificate, key = folder / "server.crt", folder / "server.key"
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", certificate])
    return certificate, (f"--cert-file={certificate}", f"--key-file={key}")


def slow_syncs(milliseconds):
    """A wrapper that makes every sync of a server take this much longer and slows down nothing else."""
    if not shutil.which("strace"):
        sys.exit("strace is needed to make syncs slow (package `strace`)")
    syncs = "fdatasync,fsync"
    delay = f"inject={syncs}:delay_exit={milliseconds * 1000}"
    # With -D the started process remains the server; with seccomp only the syncs are intercepted.
    return ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={syncs}", "-e", delay]


def syncs_per_second(file, wrapper):
    """How often per second three pages of a file can be written and synced, if nothing else is done."""
    loop = f"""
import os, time
file = os.open({str(file)!r}, os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(file, 1 << 20)
os.fsync(file)
pages, since = os.urandom(3 << 12), time.monotonic()
for turn in range(400):
    os.pwrite(file, pages, (turn % 64) << 12)
    os.fdatasync(file)
print(400 / (time.monotonic() - since))
"""
    done = subprocess.run([*wrapper, sys.executable, "-c", loop], capture_output=True, text=True, check=True)
    Path(file).unlink()
    return float(done.stdout)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def settle(realtime):
    """Pins this program, and with it every client and load that it starts, to its core.

    With real-time priority (needs root) other programs on the machine hardly affect the results. Done here, because a
    wrapper such as `taskset` would be measured too.
    """
    os.sched_setaffinity(0, {CLIENT_CORE})
    if realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@contextlib.contextmanager
def both_cores():
    """For operations that a user waits for: everything runs on the cores that the system chooses."""
    os.sched_setaffinity(0, {SERVER_CORE, CLIENT_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, {CLIENT_CORE})


def clean_env():
    """The environment without the variables that affect the tools."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ETCD_", "ETCDCTL_"))}


class Server:
    """One server on its core, or on `cores`; use as a context manager."""

    def __init__(self, programs, kind, data, flags=(), cores=(SERVER_CORE,), wrapper=(), scheme="http"):
        self.kind, self.data = kind, Path(data)
        self.endpoint = f"127.0.0.1:{free_port()}"
        url = f"{scheme}://{self.endpoint}"
        command = [
            *programs.server[kind],
            f"--data-dir={data}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            "--quota-backend-bytes=8589934592",
            *flags,
        ]
        if kind in programs.cluster_flags:
            command.append(f"--listen-peer-urls=http://127.0.0.1:{free_port()}")
        self.log = self.data.with_name(self.data.name + ".log")
        started = time.perf_counter()
        with open(self.log, "wb") as log:
            # taskset and a wrapper exec the server, so the process id is the server's.
            self.process = subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, cores)), *wrapper, *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_env(),
            )
        try:
            while READY not in self.log.read_text(errors="replace"):
                if self.process.poll() is not None or time.perf_counter() - started > 120:
                    sys.exit(f"{kind} did not start:\n{self.log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.001)
        except BaseException:
            self.process.kill()
            raise
        self.start_seconds = time.perf_counter() - started

    def memory(self):
        """Resident bytes: those of the process itself, and pages of mapped files, which the system can reclaim."""
        fields = {}
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("RssAnon", "RssFile", "RssShmem"):
                fields[name] = int(value.split()[0]) * 1024
        return fields["RssAnon"] + fields["RssShmem"], fields["RssFile"]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def run(command):
    """Runs a program that must succeed; returns its standard output and the seconds that it took."""
    started = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, env=clean_env(), check=False,
    )
    took = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace"), took


def peak_memory(command, stdin="/dev/null", fails=False):
    """Peak resident bytes of a program that must succeed, or fail if it `fails`.

    Measured by GNU time, which is small: the kernel's count starts at the size of the parent, so a program started
    from here would be charged with the size of this interpreter.
    """
    if not shutil.which("/usr/bin/time"):
        sys.exit("GNU time is needed to measure memory (package `time`)")
    with open(stdin, "rb") as file:
        done = subprocess.run(
            ["/usr/bin/time", "-f", "%M", *map(str, command)],
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TIME_LIMIT,
            env=clean_env(),
            check=False,
        )
    if (done.returncode != 0) != fails:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return int(done.stderr.split()[-1]) * 1024


class Used:
    """Seconds of CPU and peak resident bytes of a program."""

    def __init__(self, cpu, memory):
        self.cpu, self.memory = cpu, memory


def until_printed(command, text=None, times=0):
    """Runs a program until it has printed `text` so many times, or until it ends if no text is given."""
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=clean_env(), bufsize=0
    )
    seen, memory, rest = 0, 0, b""
    with process.stdout as out:
        while some := out.read(1 << 20):
            memory = max(memory, peak_of(process.pid))
            if text is not None:
                # The text may be cut by the end of a read.
                some = rest + some
                seen += some.count(text)
                rest = some[-len(text) + 1 :]
                if seen >= times:
                    process.terminate()
                    break
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return Used(usage.ru_utime + usage.ru_stime, memory)


def peak_of(pid):
    """Peak resident bytes of a running program so far; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def until(command, done):
    """Seconds until `done` returns true while a program runs, which is then ended."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=clean_env()
    )
    try:
        while not done():
            if process.poll() is not None or time.perf_counter() - started > TIME_LIMIT:
                sys.exit(f"{' '.join(map(str, command))} did not get done")
            time.sleep(0.1)
        return time.perf_counter() - started
    finally:
        process.kill()
        process.wait()


def forget(file):
    """Evicts a file from the page cache, so that the next reading comes from the disk."""
    with open(file, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(command, stdin="/dev/null", fails=False):
    """Seconds and seconds of CPU that a program takes, which must succeed, or fail if it `fails`."""
    arguments = [str(part) for part in command]
    files = [(0, stdin, os.O_RDONLY), (1, "/dev/null", os.O_WRONLY), (2, "/dev/null", os.O_WRONLY)]
    opened = [(os.POSIX_SPAWN_OPEN, fd, str(path), flags, 0) for fd, path, flags in files]
    env = clean_env()
    started = time.perf_counter()
    pid = os.posix_spawn(arguments[0], arguments, env, file_actions=opened)
    _, status, usage = os.wait4(pid, 0)
    took = time.perf_counter() - started
    if (status != 0) != fails:
        sys.exit(f"{' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return took, usage.ru_utime + usage.ru_stime


def alternate(commands, times):
    """Median seconds of each command. They are run in turn, so that a busy moment affects all of them."""
    took = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            took[name].append(timed(command)[0])
    return {name: statistics.median(all_of) for name, all_of in took.items()}


def load(programs, server, **options):
    """One run of the load generator, on the core of the clients."""
    command = [programs.load, "--endpoint", server.endpoint, "--pid", server.process.pid]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", value]
    out, _ = run(command)
    return json.loads(out)


def streams(programs, server, **options):
    """One run of the load of streams, leases, users and TLS on its own core."""
    command = [programs.streams, "--endpoint", server.endpoint, "--pid", server.process.pid]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", value]
    out, _ = run(command)
    return json.loads(out)


def background_load(programs, server, **options):
    command = [programs.load, "--endpoint", server.endpoint, "--pid", server.process.pid]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", value]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, env=clean_env())


def sync_milliseconds(folder):
    """Median time of a 4 KiB write and its fdatasync: the minimum for a durable write on this disk."""
    file = Path(folder) / "sync-probe"
    took = []
    with contextlib.closing(os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "wb", buffering=0)) as f:
        # Written, not only allocated: the first write to allocated space also updates the file system's journal.
        f.write(bytes(1 << 20))
        os.fsync(f.fileno())
        for i in range(200):
            started = time.perf_counter()
            os.pwrite(f.fileno(), os.urandom(4096), (i % 256) * 4096)
            os.fdatasync(f.fileno())
            took.append(time.perf_counter() - started)
    file.unlink()
    return statistics.median(took) * 1e3
