"""The figures: each function measures our programs and etcd's in one run and returns rows for the table.

A row is (what, ours, etcd's, unit, ratio, target as text, whether the target is met). Ratios are ours to etcd's; a
target of "<= 0.5" means half of etcd's value or less.
"""

import json
import os
import resource
import shutil
import statistics
import time
from pathlib import Path

from commands import Commands
from harness import (
    CLIENT_CORE, KINDS, MIB, SERVER_CORE, Server, alternate, background_load, both_cores, forget, load, peak_memory, row, run,
    self_signed, slow_syncs, streams, syncs_per_second, until, until_printed,
)


class Figures:
    def __init__(self, programs, folder, keys, seconds):
        self.programs, self.folder = programs, Path(folder)
        self.keys, self.seconds = keys, seconds

    def fresh(self, name):
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def etcdctl(self, kind, server, *args):
        return [self.programs.etcdctl[kind], f"--endpoints={server.endpoint}", "--command-timeout=600s", *args]

    def filled(self, kind):
        """A data directory with all keys, created once.

        etcd's is restored from a snapshot of the filled one, so that its log is short, which is the best case for its
        startup.
        """
        path = self.folder / f"filled-{kind}"
        done = self.folder / f"filled-{kind}.done"
        backup = self.folder / f"filled-{kind}.db"
        if done.exists() and done.read_text() == str(self.keys):
            return path
        with Server(self.programs, kind, self.fresh(f"filled-{kind}")) as server:
            load(self.programs, server, op="fill", keys=self.keys, clients=4)
            backup.unlink(missing_ok=True)
            run(self.etcdctl(kind, server, "snapshot", "save", backup))
        if kind == "etcd":
            shutil.rmtree(path)
            run([self.programs.etcdutl["etcd"], "snapshot", "restore", backup, f"--data-dir={path}"])
            Server(self.programs, kind, path).stop()
        done.write_text(str(self.keys))
        return path

    def copy_of_filled(self, kind):
        path = self.fresh(f"copy-{kind}")
        shutil.copytree(self.filled(kind), path)
        return path

    def commands(self):
        """The time that a user waits for each command that ends by itself."""
        return Commands(self.programs, self.fresh("commands")).rows()

    # Both clients read from the same real etcd.
    def large_answers(self):
        rows = []
        with Server(self.programs, "etcd", self.copy_of_filled("etcd")) as server:
            for output in ("simple", "json"):
                used = {}
                for kind in KINDS:
                    command = self.etcdctl(kind, server, "get", "", "--from-key", f"--write-out={output}")
                    used[kind] = until_printed(command)
                what = f"get of {self.keys:,} keys in {output}"
                rows.append(row(what + ", client CPU", used["ours"].cpu, used["etcd"].cpu, "s", most=0.33))
                memory = {kind: used[kind].memory / MIB for kind in KINDS}
                rows.append(row(what + ", memory", memory["ours"], memory["etcd"], "MiB", most=0.1))
        return rows

    def events(self):
        rows, events = [], min(self.keys, 100_000)
        with Server(self.programs, "etcd", self.fresh("events")) as server:
            load(self.programs, server, op="fill", keys=events, clients=4)
            # Every event once; the values contain line breaks.
            for output, event in (("simple", b"PUT\nkey/"), ("json", b'"mod_revision":')):
                used = {}
                for kind in KINDS:
                    command = self.etcdctl(kind, server, "watch", "", "--prefix", "--rev=2", f"--write-out={output}")
                    used[kind] = until_printed(command, event, events)
                what = f"watch of {events:,} events in {output}"
                rows.append(row(what + ", client CPU", used["ours"].cpu, used["etcd"].cpu, "s", most=0.33))
                rows.append(row(what + ", memory", used["ours"].memory / MIB, used["etcd"].memory / MIB, "MiB"))
        return rows

    def mirror(self):
        took = {}
        with Server(self.programs, "etcd", self.copy_of_filled("etcd")) as source:
            for kind in KINDS:
                with Server(self.programs, "etcd", self.fresh("mirror")) as copy:
                    count = self.etcdctl("ours", copy, "get", "", "--from-key", "--count-only", "--write-out=fields")
                    command = self.etcdctl(kind, source, "make-mirror", copy.endpoint)
                    with both_cores():
                        took[kind] = until(command, lambda: f'"Count" : {self.keys}' in run(count)[0])
        return [row(f"make-mirror of {self.keys:,} keys, time", took["ours"], took["etcd"], "s", most=0.5)]

    def puts(self):
        rows = []
        for clients in (1, 64, 256):
            got = {}
            for kind in KINDS:
                with Server(self.programs, kind, self.fresh(f"puts-{kind}")) as server:
                    got[kind] = load(
                        self.programs, server, op="put", clients=clients, clients_per_connection=8, seconds=self.seconds
                    )
            what = f"put of 1 KiB, {clients} clients on {clients // 8} connections" if clients > 1 else "put of 1 KiB, 1 client"
            ours, theirs = got["ours"], got["etcd"]
            busy = " (load on its core: {:.0%} with ours, {:.0%} with etcd)".format(ours["load_core"], theirs["load_core"])
            rows.append(
                row(what + ", rate" + busy, ours["rate"], theirs["rate"], "/s", least=1.0 if clients == 1 else 2.0)
            )
            cpu = (ours["server_cpu_us"], theirs["server_cpu_us"])
            if clients == 1:
                rows.append(row(what + ", p50", ours["p50_ms"], theirs["p50_ms"], "ms"))
                rows.append(row(what + ", server CPU", *cpu, "us"))
            else:
                rows.append(row(what + ", server CPU", *cpu, "us", most=0.4))
                rows.append(row(what + ", p99", ours["p99_ms"], theirs["p99_ms"], "ms", most=0.5))
        return rows

    # Simulates an ordinary disk: the machine's own may sync in 0.1 ms, which hides the time spent waiting for it.
    def slow_disk(self):
        rows = []
        for clients, least in ((1, 1.25), (64, 1.5)):
            got = {}
            for kind in KINDS:
                data = self.fresh(f"slow-disk-{kind}")
                with Server(self.programs, kind, data, wrapper=slow_syncs(5)) as server:
                    got[kind] = load(
                        self.programs, server, op="put", clients=clients, clients_per_connection=8, seconds=self.seconds
                    )
            what = f"put of 1 KiB, a sync takes 5 ms longer, {clients} client{'s' if clients > 1 else ''}"
            rows.append(row(what + ", rate", got["ours"]["rate"], got["etcd"]["rate"], "/s", least=least))
            rows.append(row(what + ", p99", got["ours"]["p99_ms"], got["etcd"]["p99_ms"], "ms"))
            if clients == 1:
                # No server with one sync a put can be faster than this.
                bound = syncs_per_second(self.folder / "syncs", slow_syncs(5))
                rows.append(row("the disk's own rate of writes with a sync, beside etcd's rate", bound, got["etcd"]["rate"], "/s"))
        return rows

    def reads(self):
        rows, got = [], {}
        for kind in KINDS:
            with Server(self.programs, kind, self.fresh(f"reads-{kind}")) as server:
                load(self.programs, server, op="fill", clients=4)
                for op in ("get", "range", "txn"):
                    got[kind, op] = load(
                        self.programs, server, op=op, clients=16, clients_per_connection=8, seconds=self.seconds
                    )
        for op, what, most in (
            ("get", "get of one key", 0.33),
            ("range", "range of 1,000 keys", 0.5),
            ("txn", "transaction of 10 puts", 0.5),
        ):
            ours, theirs = got["ours", op], got["etcd", op]
            rows.append(row(what + ", server CPU", ours["server_cpu_us"], theirs["server_cpu_us"], "us", most=most))
            rows.append(row(what + ", rate with 16 clients", ours["rate"], theirs["rate"], "/s"))
        return rows

    def snapshot(self):
        rows, saved = [], {}
        file = self.folder / "saved.db"

        def save(client, server):
            command = self.etcdctl(client, server, "snapshot", "save", file)
            took = []
            with both_cores():
                for _ in range(3):
                    file.unlink(missing_ok=True)
                    took.append(run(command)[1])
                file.unlink()
                return min(took), peak_memory(command)

        cores = (SERVER_CORE, CLIENT_CORE)
        with Server(self.programs, "etcd", self.copy_of_filled("etcd"), cores=cores) as server:
            saved["etcd"], saved["ours from etcd"] = save("etcd", server), save("ours", server)
        with Server(self.programs, "ours", self.copy_of_filled("ours"), cores=cores) as server:
            saved["ours"] = save("ours", server)
        (theirs, their_memory), (mixed, memory) = saved["etcd"], saved["ours from etcd"]
        rows.append(row("snapshot save of 1 GB from etcd, time", mixed, theirs, "s", most=1.0))
        rows.append(row("snapshot save of 1 GB from etcd, memory", memory / MIB, their_memory / MIB, "MiB", most=0.5))
        ours, memory = saved["ours"]
        rows.append(row("snapshot save of 1 GB, each from its own, time", ours, theirs, "s", most=0.33))
        rows.append(row("snapshot save of 1 GB, each from its own, memory", memory / MIB, their_memory / MIB, "MiB"))
        return rows

    def status(self):
        self.filled("etcd")
        file = self.folder / "filled-etcd.db"
        commands = {kind: [self.programs.etcdutl[kind], "snapshot", "status", file, "-w", "json"] for kind in KINDS}
        answers = {kind: json.loads(run(command)[0]) for kind, command in commands.items()}
        if answers["ours"] != answers["etcd"]:
            raise SystemExit(f"two answers about one file: {answers}")
        with both_cores():
            took = alternate(commands, 5)
            memory = {kind: peak_memory(command) / MIB for kind, command in commands.items()}
        time_row = row("snapshot status of 1 GB, time", took["ours"], took["etcd"], "s", most=0.4)
        what, ours, theirs, unit, ratio, _, _ = row("snapshot status of 1 GB, memory", memory["ours"], memory["etcd"], "MiB")
        return [time_row, (what, ours, theirs, unit, ratio, "<= 64 MiB", ours <= 64)]

    def restore(self):
        """A restore of one snapshot, and the defragmentation of the directory of a stopped member, without a server."""
        self.filled("etcd")
        file = self.folder / "filled-etcd.db"
        target = self.folder / "restored"

        def restore(kind):
            return [self.programs.etcdutl[kind], "snapshot", "restore", file, f"--data-dir={target}"]

        def defrag(kind):
            return [self.programs.etcdutl[kind], "defrag", f"--data-dir={self.folder / 'copy-etcd'}"]

        rows = []
        for what, command, prepare, most_time, most_memory in (
            ("etcdutl snapshot restore of 1 GB", restore, lambda: self.fresh("restored"), 0.5, 17),
            ("etcdutl defrag of 1 GB", defrag, lambda: self.copy_of_filled("etcd"), 0.33, 64),
        ):
            took = {kind: [] for kind in KINDS}
            memory = {}
            with both_cores():
                for _ in range(3):
                    for kind in KINDS:
                        prepare()
                        # What was prepared is on the disk before anything is measured.
                        os.sync()
                        took[kind].append(run(command(kind))[1])
                for kind in KINDS:
                    prepare()
                    memory[kind] = peak_memory(command(kind)) / MIB
            ours, theirs = (statistics.median(took[kind]) for kind in ("ours", "etcd"))
            rows.append(row(f"{what}, time", ours, theirs, "s", most=most_time))
            name, ours, theirs, unit, ratio, _, _ = row(f"{what}, memory", memory["ours"], memory["etcd"], "MiB")
            rows.append((name, ours, theirs, unit, ratio, f"<= {most_memory} MiB", ours <= most_memory))
        self.fresh("restored")
        return rows

    def offline(self):
        """Commands on a file of 1 GB. etcd's hashkv writes to the file, so each program has its own copy."""
        self.filled("etcd")
        file = self.folder / "filled-etcd.db"
        copies = {kind: self.folder / f"offline-{kind}.db" for kind in KINDS}
        for copy in copies.values():
            shutil.copyfile(file, copy)
        ours = self.programs.etcdutl["ours"]
        hashkv = {kind: [self.programs.etcdutl[kind], "hashkv", copies[kind], "-w", "json"] for kind in KINDS}
        verify = [ours, "snapshot", "verify", file]
        quick = [*verify, "--rehearse=false"]
        get = [self.programs.etcdctl["ours"], f"--endpoints=snapshot:{file}", "--command-timeout=60s", "get", "key"]
        cold = []
        with both_cores():
            took = alternate(hashkv, 3)
            memory = {kind: peak_memory(command) / MIB for kind, command in hashkv.items()}
            checked = alternate({"status": [ours, "snapshot", "status", file], "verify": quick, "rehearsal": verify}, 3)
            rehearsed = peak_memory(verify) / MIB
            for _ in range(3):
                forget(file)
                cold.append(run(get)[1])
            reading = peak_memory(get) / MIB
        for copy in copies.values():
            copy.unlink()

        def limited(what, value, other, unit, limit):
            what, value, other, unit, ratio, _, _ = row(what, value, other, unit)
            return what, value, other, unit, ratio, f"<= {limit} {unit}", value <= limit

        verified = row("snapshot verify of 1 GB beside our status, time", checked["verify"], checked["status"], "s", most=1.5)
        return [
            row("hashkv of 1 GB, time", took["ours"], took["etcd"], "s", most=0.33),
            limited("hashkv of 1 GB, memory", memory["ours"], memory["etcd"], "MiB", 64),
            verified,
            limited("snapshot verify of 1 GB with rehearsal, time", checked["rehearsal"], checked["status"], "s", 3),
            limited("snapshot verify of 1 GB with rehearsal, memory", rehearsed, memory["etcd"], "MiB", 128),
            limited("snapshot:FILE of 1 GB, one key from a cold disk, time", min(cold), took["etcd"], "s", 1.5),
            limited("snapshot:FILE of 1 GB, one key, memory", reading, memory["etcd"], "MiB", 512),
        ]

    def start(self):
        took, own, mapped = {}, {}, {}
        for kind in KINDS:
            path = self.copy_of_filled(kind)
            took[kind] = []
            for _ in range(3):
                with Server(self.programs, kind, path) as server:
                    took[kind].append(server.start_seconds)
                    own[kind], mapped[kind] = (n / MIB for n in server.memory())
        what = f"start on 1 GB, {self.keys} keys"
        return [
            row(f"{what}, time", min(took["ours"]), min(took["etcd"]), "s", most=0.5),
            row(f"{what}, resident memory of its own", own["ours"], own["etcd"], "MiB", most=0.5),
            row(f"{what}, resident pages of mapped files", mapped["ours"], mapped["etcd"], "MiB"),
        ]

    def defrag(self):
        took, reads = {}, {}
        for kind in KINDS:
            with Server(self.programs, kind, self.copy_of_filled(kind)) as server:
                reading = background_load(
                    self.programs, server, op="get", clients=1, keys=self.keys, warmup=0.5, seconds=30
                )
                time.sleep(1)
                took[kind] = min(run(self.etcdctl(kind, server, "defrag"))[1] for _ in range(3))
                # When the reader ends, it reports the longest time that a read took.
                out, _ = reading.communicate(timeout=120)
                reads[kind] = json.loads(out)
        return [
            row("defrag of 1 GB, time", took["ours"], took["etcd"], "s", most=0.5),
            row("longest wait of a get meanwhile", reads["ours"]["max_ms"], reads["etcd"]["max_ms"], "ms"),
        ]

    def compact(self):
        took = {}
        for kind in KINDS:
            with Server(self.programs, kind, self.copy_of_filled(kind)) as server:
                load(self.programs, server, op="fill", keys=self.keys, clients=4)
                status = json.loads(run(self.etcdctl(kind, server, "endpoint", "status", "-w", "json"))[0])
                revision = status[0]["Status"]["header"]["revision"]
                _, took[kind] = run(self.etcdctl(kind, server, "compaction", "--physical", str(revision)))
        what = f"compact --physical of {self.keys} old records, time"
        return [row(what, took["ours"], took["etcd"], "s", most=0.25)]

    def compact_under_load(self):
        rows, got = [], {}
        for kind in KINDS:
            with Server(self.programs, kind, self.fresh(f"busy-{kind}")) as server:
                for _ in range(10):
                    load(self.programs, server, op="fill", keys=50_000, clients=4)
                options = {"op": "put", "clients": 16, "keys": 50_000, "seconds": max(10, self.seconds)}
                without = load(self.programs, server, **options)
                during = load(self.programs, server, compact_after=1, **options)
                got[kind] = (without["p999_ms"], during["p999_ms"], during["compaction_s"])
        what = "p99.9 of a put, 16 clients"
        rows.append(row(f"{what}, no compaction", got["ours"][0], got["etcd"][0], "ms"))
        rows.append(row(f"{what}, while 500,000 revisions are compacted", got["ours"][1], got["etcd"][1], "ms"))
        added = {kind: got[kind][1] - got[kind][0] for kind in KINDS}
        ratio = added["ours"] / added["etcd"] if added["etcd"] else float("inf")
        rows.append((f"{what}, added by it", added["ours"], added["etcd"], "ms", ratio, "<= 20 ms", added["ours"] <= 20))
        rows.append(row("that compaction, time", got["ours"][2], got["etcd"][2], "s"))
        return rows

    def of_both(self, name, flags=(), scheme="http", prepare=None, **options):
        """The same load of streams on both, each on a fresh directory."""
        got = {}
        for kind in KINDS:
            with Server(self.programs, kind, self.fresh(f"{name}-{kind}"), flags=flags, scheme=scheme) as server:
                if prepare:
                    prepare(kind, server)
                got[kind] = streams(self.programs, server, **options)
        return got["ours"], got["etcd"]

    def watches(self):
        rows = []
        ours, theirs = self.of_both("fan-out", op="watch", watchers=1000, clients=1, seconds=self.seconds)
        what = "1,000 watchers on one key"
        rows.append(row(f"{what}, server CPU per event", ours["server_cpu_us"], theirs["server_cpu_us"], "us", most=0.33))
        rows.append(row(f"{what}, events delivered", ours["rate"], theirs["rate"], "/s"))
        ours, theirs = self.of_both(
            "prefixes", op="watch", watchers=100, prefixes=100, clients=64, seconds=self.seconds
        )
        what = "100 watchers on 100 prefixes, 64 writers"
        rows.append(row(f"{what}, p99 from put to event", ours["p99_ms"], theirs["p99_ms"], "ms", most=0.5))
        rows.append(row(f"{what}, events delivered", ours["rate"], theirs["rate"], "/s"))
        return rows

    def leases(self):
        rows = []
        for op, what in (
            ("grant", "lease grant"),
            ("keep-alive-once", "lease keep-alive, a stream for each"),
            ("keep-alive", "lease keep-alive, a stream for each client"),
        ):
            ours, theirs = self.of_both(op, op=op, clients=16, seconds=self.seconds)
            what = f"{what}, 16 clients"
            rows.append(row(f"{what}, server CPU", ours["server_cpu_us"], theirs["server_cpu_us"], "us", most=0.4))
            rows.append(row(f"{what}, rate", ours["rate"], theirs["rate"], "/s"))
        return rows

    def users(self):
        def enable(kind, server):
            for args in (["user", "add", "root:secret"], ["user", "grant-role", "root", "root"], ["auth", "enable"]):
                run(self.etcdctl(kind, server, *args))

        rows = []
        for op in ("put", "get"):
            ours, theirs = self.of_both(
                f"users-{op}", prepare=enable, op=op, clients=16, user="root:secret", seconds=self.seconds
            )
            what = f"{op} of a user with a token, 16 clients"
            rows.append(row(f"{what}, server CPU", ours["server_cpu_us"], theirs["server_cpu_us"], "us", most=0.4))
            rows.append(row(f"{what}, rate", ours["rate"], theirs["rate"], "/s"))
        return rows

    def tls(self):
        folder = self.fresh("certificates")
        folder.mkdir(parents=True)
        certificate, flags = self_signed(folder)
        ours, theirs = self.of_both(
            "tls", flags=flags, scheme="https", op="get", clients=16, cacert=certificate, seconds=self.seconds
        )
        what = "get with TLS, 16 clients"
        return [
            row(f"{what}, server CPU", ours["server_cpu_us"], theirs["server_cpu_us"], "us", most=0.5),
            row(f"{what}, rate", ours["rate"], theirs["rate"], "/s"),
        ]

    def idle(self):
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit < 11_000:
            resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        rows = []
        one_connection = {"watchers": 10_000, "watchers_per_stream": 1000, "streams_per_connection": 10}
        for name, what, options in (
            ("idle-watchers", "10,000 idle watchers, 10 streams of one connection", one_connection),
            ("idle-watchers", "10,000 idle watchers, 100 connections", {"watchers": 10_000}),
            ("idle-connections", "10,000 idle connections", {"clients": 10_000}),
        ):
            ours, theirs = self.of_both(name, op=name, **options)
            added = [(got["after"] - got["before"]) / MIB for got in (ours, theirs)]
            rows.append(row(f"{what}, memory added", *added, "MiB", most=0.25))
        return rows
