"""The whole process of every command that ends by itself: wall time, CPU time and peak memory beside etcd's programs.

Both clients talk to the same real etcd. Does not run `check`, nor commands that run until they are interrupted, such as
`watch` and `elect`. Does not compare what is printed; the tests do.
"""

import itertools
import json
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness import KINDS, MIB, Server, both_cores, peak_memory, row, run, self_signed, timed

RUNS = 40
MOST_TIME, MOST_MEMORY = 0.25, 0.5


@dataclass
class Case:
    """A command line that is measured."""

    name: str
    # The words after the program, or a function that prepares a run and returns them. Preparing is not measured.
    words: Sequence | Callable[[], Sequence]
    stdin: str = "/dev/null"
    # Whether both programs have to report an error.
    fails: bool = False

    def command(self, program):
        return [*program, *(self.words() if callable(self.words) else self.words)]


def case(line, **options):
    return Case(line, line.split(), **options)


def failing(line):
    return case(line, fails=True)


class Commands:
    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.names = map("name{}".format, itertools.count())
        folder.mkdir(parents=True)

    def rows(self):
        """The rows of all commands, and the worst of them."""
        rows = []
        # At a higher cost, the time of an authentication would be mostly that of bcrypt in the server.
        with Server(self.programs, "etcd", self.folder / "member", flags=["--bcrypt-cost=4"]) as server:
            self.endpoint = f"--endpoints={server.endpoint}"
            self.port = server.endpoint.rpartition(":")[2]
            self.prepare()
            client = {kind: self.program("etcdctl", kind, self.endpoint) for kind in KINDS}
            for each in [*self.local(), *self.keys(), *self.cluster(), *self.users()]:
                rows += self.measure("etcdctl", each, client)
        certificate, flags = self_signed(self.folder)
        with Server(self.programs, "etcd", self.folder / "tls", flags=flags, scheme="https") as server:
            secure = [f"--endpoints=https://{server.endpoint}", f"--cacert={certificate}"]
            client = {kind: self.program("etcdctl", kind, *secure) for kind in KINDS}
            rows += self.measure("etcdctl", Case("get key, with TLS", ["get", "key"]), client)
        offline = {kind: self.program("etcdutl", kind) for kind in KINDS}
        for each in self.offline():
            rows += self.measure("etcdutl", each, offline)
        for what in ("time", "memory"):
            of_all = [each for each in rows if each[0].endswith(what)]
            worst = max(of_all, key=lambda each: each[4])
            rows.append((f"the worst of {len(of_all)}: {worst[0]}", *worst[1:]))
        return rows

    def program(self, name, kind, *flags):
        """The beginning of a command line.

        The program is copied, as an installation does: the page cache of a file that a linker just wrote is more
        fragmented.
        """
        copy = self.folder / f"{name}-{kind}"
        shutil.copy(getattr(self.programs, name)[kind], copy)
        return [copy, *flags]

    def measure(self, name, each, programs):
        """Runs both programs in turn, so that a busy moment affects both."""
        took, cpu = ({kind: [] for kind in KINDS} for _ in range(2))
        with both_cores():
            for _ in range(RUNS):
                for kind in KINDS:
                    seconds, used = timed(each.command(programs[kind]), each.stdin, each.fails)
                    took[kind].append(seconds * 1e3)
                    cpu[kind].append(used)
            memory = {
                kind: peak_memory(each.command(programs[kind]), each.stdin, each.fails) / MIB for kind in KINDS
            }
        took, cpu = ({kind: statistics.median(of[kind]) for kind in KINDS} for of in (took, cpu))
        what = f"{name} {each.name}".replace("|", "or")
        share = f"{what} (CPU {cpu['ours'] / cpu['etcd']:.2f}), time"
        return [
            row(share, took["ours"], took["etcd"], "ms", most=MOST_TIME),
            row(f"{what}, memory", memory["ours"], memory["etcd"], "MiB", most=MOST_MEMORY),
        ]

    # The following methods prepare commands, with etcd's client.

    def do(self, *words):
        return run([self.programs.etcdctl["etcd"], self.endpoint, *words])[0]

    def answer(self, *words):
        return json.loads(self.do(*words, "--write-out=json"))

    def prepare(self):
        for key in ("key", "key/1", "key/2"):
            self.do("put", key, "value")
        self.transaction = self.folder / "transaction"
        self.transaction.write_text('value("key") = "value"\n\nput key value\n\nget key\n\n')
        self.password = self.folder / "password"
        self.password.write_text("secret\n")
        for role in ("root", "reader"):
            self.do("role", "add", role)
        self.do("role", "grant-permission", "reader", "read", "key")
        for user, role in (("root", "root"), ("reader", "reader")):
            self.do("user", "add", f"{user}:secret")
            self.do("user", "grant-role", user, role)
        [member] = self.answer("member", "list")["members"]
        self.member = f"{member['ID']:x}"
        self.lease = self.granted()

    def granted(self):
        return f"{self.answer('lease', 'grant', '600')['ID']:x}"

    def local(self):
        """Commands that contact no server, and errors that are found before."""
        lines = [
            "version", "--help", "help", "help get", "get --help", "lease --help", "lease grant --help", "help role add",
            "options", *(f"completion {shell}" for shell in ("bash", "zsh", "fish", "powershell")),
        ]
        wrong = [
            "gett", "--no-such-flag", "get --no-such-flag", "get", "put key", "get key --limit=many",
            "get key --order=SIDEWAYS", "lease grant", "lease revoke nonsense", "member remove nonsense",
            "--dial-timeout=soon get key", "role add", "completion tcsh", "get key --write-out=table",
        ]
        return [*map(case, lines), *map(failing, wrong)]

    def keys(self):
        def compaction():
            return ["compaction", str(self.answer("put", "key", "value")["header"]["revision"])]

        by_name = Case("get key, by the name localhost", [f"--endpoints=localhost:{self.port}", "get", "key"])
        lines = [
            "put key value", "get key", "get key --prefix", "get key --write-out=json", "del key/none",
        ]
        leases = [
            case("lease grant 600"),
            Case("lease timetolive ID", ["lease", "timetolive", self.lease]),
            Case("lease keep-alive ID --once", ["lease", "keep-alive", self.lease, "--once"]),
            Case("lease revoke ID", lambda: ["lease", "revoke", self.granted()]),
            failing("lease revoke 7b"),
            case("lease list"),
        ]
        return [
            *map(case, lines), by_name, Case("txn", ["txn"], stdin=self.transaction), Case("compaction REV", compaction),
            failing("compaction 1"), *leases, case("lock name true"),
        ]

    def cluster(self):
        def without_learner():
            for member in self.answer("member", "list")["members"]:
                if member.get("isLearner"):
                    self.do("member", "remove", f"{member['ID']:x}")

        def add():
            without_learner()
            # A new address each time: the id is derived from it, and that of a removed member is refused.
            return ["member", "add", "learner", "--learner", f"--peer-urls=http://{next(self.names)}:2380"]

        def remove():
            added = self.answer(*add())
            return ["member", "remove", f"{added['member']['ID']:x}"]

        update = ["member", "update", self.member, "--peer-urls=http://127.0.0.1:2380"]
        lines = ["alarm list", "alarm disarm", "endpoint status", "endpoint status --cluster --write-out=json", "endpoint health", "endpoint hashkv", "defrag", "member list", "member list --write-out=table", "downgrade validate 3.6"]
        return [
            *map(case, lines),
            case("downgrade cancel"),
            Case("move-leader ID", ["move-leader", self.member]),
            Case("snapshot save FILE", ["snapshot", "save", self.folder / "saved.db"]),
            Case("member update ID", update),
            Case("member promote ID", ["member", "promote", self.member], fails=True),
            Case("member add", add),
            Case("member remove ID", remove),
        ]

    def users(self):
        """Users, roles, and last what needs authentication to be enabled."""
        def new(*words):
            return lambda: [*words, next(self.names)]

        def made(kind, *words):
            """A command on a new role or user."""
            def prepared():
                name = next(self.names)
                self.do(kind, "add", name, *(["--no-password"] if kind == "user" else []))
                return [name if word == "NEW" else word for word in words]
            return prepared

        def revocation():
            self.do("user", "grant-role", "reader", "root")
            return ["user", "revoke-role", "reader", "root"]

        def permission():
            self.do("role", "grant-permission", "reader", "write", "other")
            return ["role", "revoke-permission", "reader", "other"]

        def authentication(state, *words):
            """A command that needs authentication to be in this state."""
            def prepared():
                self.do("auth", state, root)
                return words
            return prepared

        root, reader = "--user=root:secret", "--user=reader:secret"
        return [
            *map(case, ["role list", "role get reader", "user list", "user get reader", "user get reader --detail", "auth status"]),
            Case("role add NAME", new("role", "add")),
            failing("role add reader"),
            Case("role delete NAME", made("role", "role", "delete", "NEW")),
            case("role grant-permission reader read key"),
            Case("role revoke-permission", permission),
            Case("user add NAME", new("user", "add", "--no-password")),
            Case("user delete NAME", made("user", "user", "delete", "NEW")),
            Case("user passwd reader", ["user", "passwd", "reader", "--interactive=false"], stdin=self.password),
            Case("user grant-role reader", made("user", "user", "grant-role", "NEW", "reader")),
            Case("user revoke-role reader", revocation),
            Case("auth enable", authentication("disable", "auth", "enable")),
            Case("auth disable --user", authentication("enable", "auth", "disable", root)),
            Case("get key --user", authentication("enable", "get", "key", reader)),
        ]

    def offline(self):
        saved = self.folder / "saved.db"
        for copy in ("hashkv.db", "status.db"):
            shutil.copy(saved, self.folder / copy)
        lines = ["version", "--help", "help", "help hashkv", "hashkv --help", "snapshot --help", "completion bash", "completion zsh"]
        return [
            *map(case, lines),
            *map(failing, ["gett", "hashkv --no-such-flag", "snapshot status", "snapshot status no-such-file"]),
            Case("snapshot status FILE", ["snapshot", "status", self.folder / "status.db"]),
            Case("snapshot status FILE -w json", ["snapshot", "status", self.folder / "status.db", "--write-out=json"]),
            Case("hashkv FILE", ["hashkv", self.folder / "hashkv.db"]),
        ]
