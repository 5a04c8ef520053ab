"""Ways to a service: each proxy of Debian's packages before our own server, on loopback, with a configuration of ours.

Nothing is installed, and no service of the system is started: programs that are not there come out of packages that
are downloaded and unpacked (`fetch`). Each program runs in the foreground, in a process group of its own, and is ended
by its id. No file of the host is bound into anything.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

READY_S = 10
HERE = pathlib.Path(__file__).resolve().parent

# HAProxy counts two descriptors a connection: maxconn fits into the usual limit of 1,024, and is raised with it.
HAPROXY = """global
\tmaxconn {connections}
defaults
\tmode tcp
\ttimeout connect 5s
\ttimeout client 1h
\ttimeout server 1h
{settings}listen way
\tbind 127.0.0.1:{front}
\tserver echo 127.0.0.1:{back}{server}
"""
NGINX = """{modules}daemon off;
worker_rlimit_nofile 10000;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 5000; }}
stream {{
\tserver {{
\t\tlisten 127.0.0.1:{front};
\t\tproxy_pass 127.0.0.1:{back};
{settings}\t}}
}}
"""
STUNNEL = """foreground = yes
pid =
debug = 3
[there]
client = yes
accept = 127.0.0.1:{front}
connect = 127.0.0.1:{middle}
[back]
accept = 127.0.0.1:{middle}
connect = 127.0.0.1:{back}
cert = {folder}/pair.pem
"""
STUNNEL_TO = """foreground = yes
pid =
debug = 3
[there]
client = yes
accept = 127.0.0.1:{front}
connect = 127.0.0.1:{middle}
"""
HITCH = """frontend = "[127.0.0.1]:{middle}"
backend = "[127.0.0.1]:{back}"
pem-file = "{folder}/pair.pem"
workers = 1
user = "nobody"
daemon = off
backlog = 1024
"""
XINETD = """service way
{{
\ttype = UNLISTED
\tsocket_type = stream
\tprotocol = tcp
\tport = {front}
\tbind = 127.0.0.1
\twait = no
\tuser = root
\tinstances = UNLIMITED
\tper_source = UNLIMITED
\tcps = 1000000 1
\tredirect = 127.0.0.1 {back}
}}
"""
SSHD = """Port {middle}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
"""
# sshd wants a user of its own, and a root who may come in: in a mount namespace, of files of ours, and not of the host.
SSHD_USERS = ("mount --bind $1/passwd /etc/passwd && mount --bind $1/shadow /etc/shadow && mount -t tmpfs none /run && "
              "mkdir /run/sshd && exec $2 -D -e -f $3")
NODE = """const net = require('net');
net.createServer({options}, (client) => {{
\tconst server = net.connect({{ port: {back}, host: '127.0.0.1'{more} }});
\tclient.pipe(server);
\tserver.pipe(client);
\tclient.on('error', () => server.destroy());
\tserver.on('error', () => client.destroy());
}}).listen({front}, '127.0.0.1');
"""
ASYNCIO = """import asyncio

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
{end}

async def way(client, answer):
    server, question = await asyncio.open_connection("127.0.0.1", {back})
    await asyncio.gather(pump(client, question), pump(server, answer))
    answer.close(); question.close()

async def main():
    async with await asyncio.start_server(way, "127.0.0.1", {front}, backlog=1024) as listener:
        await listener.serve_forever()

asyncio.run(main())
"""
NFT = """table ip way {{
\tchain out {{
\t\ttype nat hook output priority -100;
\t\ttcp dport {front} dnat to 127.0.0.1:{back}
\t}}
}}
"""


class Unavailable(Exception):
    """This way cannot be tried here; the text says why."""


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    program: str = None  # that must be there
    package: str = None
    more_packages: tuple = ()
    version: tuple = ()  # the command that tells it
    config: str = None  # {front}, {middle}, {back}, {folder} and what `fill` has
    fill: dict = dataclasses.field(default_factory=dict)
    # Each of {program}, {config}, {front}, ... is filled in; several commands run at the same time.
    commands: tuple = ()
    pair: bool = False  # needs a certificate
    keys: bool = False  # needs keys of ssh
    namespace: bool = False  # in a network of its own, together with the server
    prepare: tuple = ()  # run to their end before
    proxied: str = None  # the server expects a PROXY header
    settings: str = ""  # what is set for it, in a line
    pass_fd3: bool = False
    few: bool = False  # the way takes no thousand clients, by a limit that it says itself


def haproxy(name, settings="", server="", shown="", **more):
    lines = "".join(f"\t{line}\n" for line in settings.split(";") if line)
    return Way(name, "haproxy", "haproxy", version=("{program}", "-v"), config=HAPROXY,
               fill={"settings": lines, "server": server, "connections": 4000},
               commands=(("{program}", "-db", "-f", "{config}"),), settings=shown, **more)


def nginx(name, *settings, shown="", **more):
    lines = "".join(f"\t\t{line};\n" for line in settings)
    return Way(name, "nginx", "nginx", ("libnginx-mod-stream",), version=("{program}", "-v"), config=NGINX,
               fill={"settings": lines}, commands=(("{program}", "-c", "{config}", "-p", "{folder}/"),),
               settings=shown, **more)


def socat(name, *options, shown=""):
    return Way(name, "socat", "socat", version=("{program}", "-V"), settings=shown, commands=((
        "{program}", *options, "TCP-LISTEN:{front},bind=127.0.0.1,fork,reuseaddr,backlog=1024",
        "TCP:127.0.0.1:{back}"),))


def simple(name, command, package, *words, version=("--version",), more=(), **rest):
    return Way(name, command, package, more, version=("{program}", *version), commands=(("{program}", *words),),
               **rest)


WAYS = (
    Way("direct", settings="nothing in between"),
    haproxy("haproxy", shown="mode tcp"),
    haproxy("haproxy-nolinger", "option nolinger", shown="option nolinger"),
    haproxy("haproxy-client-fin", "timeout client-fin 100ms", shown="timeout client-fin 100ms"),
    haproxy("haproxy-splice", "option splice-auto", shown="option splice-auto"),
    haproxy("haproxy-proxy-v2", server=" send-proxy-v2 proxy-v2-options crc32c", proxied="require",
            shown="send-proxy-v2 proxy-v2-options crc32c"),
    nginx("nginx-stream", shown="stream, as it comes"),
    nginx("nginx-stream-half-close", "proxy_half_close on", shown="proxy_half_close on"),
    nginx("nginx-stream-proxy-v1", "proxy_half_close on", "proxy_protocol on", proxied="require",
          shown="proxy_half_close on; proxy_protocol on"),
    Way("stunnel-pair", "stunnel4", "stunnel4", version=("{program}", "-version"), config=STUNNEL, pair=True,
        commands=(("{program}", "{config}"),), settings="client and server, TLS between"),
    socat("socat", shown="as it comes: -t 0.5"),
    socat("socat-t", "-t", "3600", shown="-t 3600"),
    Way("ssh-L", "ssh", "openssh-client", ("openssh-server",), version=("{program}", "-V"), config=SSHD, keys=True,
        commands=(("unshare", "-m", "sh", "-c", SSHD_USERS, "sh", "{folder}", "{sshd}", "{config}"),
                  ("{program}", "-N", "-p", "{middle}", "-i", "{folder}/key", "-F", "none", "-oBatchMode=yes",
                   "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile={folder}/known", "-oLogLevel=ERROR",
                   "-L127.0.0.1:{front}:127.0.0.1:{back}", "root@127.0.0.1")),
        settings="-L"),
    Way("systemd-socket-proxyd", "/usr/lib/systemd/systemd-socket-proxyd", "systemd",
        version=("{program}", "--version"),
        commands=(("systemd-socket-activate", "-l", "127.0.0.1:{front}", "{program}", "--connections-max=4000",
                   "127.0.0.1:{back}"),), settings="--connections-max=4000"),
    simple("docker-proxy", "docker-proxy", "docker.io", "-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port",
           "{front}", "-container-ip", "127.0.0.1", "-container-port", "{back}", pass_fd3=True),
    simple("sslh-fork", "sslh", "sslh", "-f", "-p", "127.0.0.1:{front}", "--anyprot", "127.0.0.1:{back}",
           version=("-V",), more=("libconfig9", "libwrap0"), settings="--anyprot"),
    simple("sslh-select", "sslh-select", "sslh", "-f", "-p", "127.0.0.1:{front}", "--anyprot", "127.0.0.1:{back}",
           version=("-V",), more=("libconfig9", "libwrap0"), settings="--anyprot"),
    simple("pen", "pen", "pen", "-f", "-c", "4000", "-x", "4000", "127.0.0.1:{front}", "127.0.0.1:{back}:4000",
           more=("libgeoip1",), settings="-c 4000 -x 4000"),
    simple("redir", "redir", "redir", "-n", "-m", "4000", "127.0.0.1:{front}", "127.0.0.1:{back}",
           version=("-v",), settings="-m 4000"),
    Way("rinetd", "rinetd", "rinetd", version=("{program}", "-v"),
        config="127.0.0.1 {front} 127.0.0.1 {back}\n",
        commands=(("{program}", "-f", "-c", "{config}"),)),
    Way("hitch", "hitch", "hitch", ("libev4",), version=("{program}", "--version"), config=HITCH, pair=True,
        commands=(("{program}", "--config={config}"), ("stunnel4", "{second}")),
        fill={"second": STUNNEL_TO}, settings="behind stunnel as client"),
    simple("simpleproxy", "simpleproxy", "simpleproxy", "-L", "127.0.0.1:{front}", "-R", "127.0.0.1:{back}",
           version=("-V",)),
    simple("6tunnel", "6tunnel", "6tunnel", "-d", "-4", "-l", "127.0.0.1", "{front}", "127.0.0.1", "{back}",
           version=("-h",)),
    Way("xinetd", "xinetd", "xinetd", ("libwrap0",), version=("{program}", "-version"), config=XINETD,
        commands=(("{program}", "-dontfork", "-f", "{config}"),), settings="redirect"),
    simple("ncat", "ncat", "ncat", "-l", "-k", "-m", "4000", "127.0.0.1", "{front}", "--sh-exec",
           "ncat 127.0.0.1 {back}", settings="-k --sh-exec"),
    Way("node-pipe", "node", "nodejs", version=("{program}", "--version"), config=NODE,
        fill={"options": "{}", "more": ""}, commands=(("{program}", "{config}"),),
        settings="pipe() both ways"),
    Way("node-half-open", "node", "nodejs", version=("{program}", "--version"), config=NODE,
        fill={"options": "{ allowHalfOpen: true }", "more": ", allowHalfOpen: true"},
        commands=(("{program}", "{config}"),), settings="allowHalfOpen: true on both sides"),
    Way("asyncio-close", "/usr/bin/python3", "python3", version=("{program}", "--version"), config=ASYNCIO,
        fill={"end": "        writer.close()"}, commands=(("{program}", "{config}"),),
        settings="close() behind each copy"),
    Way("asyncio-write-eof", "/usr/bin/python3", "python3", version=("{program}", "--version"), config=ASYNCIO,
        fill={"end": "        if writer.can_write_eof() and not writer.is_closing():\n            writer.write_eof()"},
        commands=(("{program}", "{config}"),), settings="write_eof() behind each copy"),
    Way("nft-dnat", "nft", "nftables", version=("{program}", "--version"), namespace=True, config=NFT,
        prepare=(("ip", "link", "set", "lo", "up"), ("{program}", "-f", "{config}")), settings="dnat to"),
    Way("ipvs", "ipvsadm", "ipvsadm", ("libpopt0",), version=("{program}", "--version"), namespace=True,
        prepare=(("ip", "link", "set", "lo", "up"),
                 ("{program}", "-A", "-t", "127.0.0.1:{front}"),
                 ("{program}", "-a", "-t", "127.0.0.1:{front}", "-r", "127.0.0.1:{back}", "-m")),
        settings="masquerading"),
)
BY_NAME = {way.name: way for way in WAYS}


# --- programs


def fetch(folder, ways=WAYS):
    """Downloads the packages of what is missing, and unpacks them; nothing is installed."""
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    wanted = set()
    for way in ways:
        program = find(way.program, folder) if way.program else ""
        if program is None:
            wanted.add(way.package)
        if program is None or program.startswith(str(folder)) or way.program in ("nginx", "ssh"):
            wanted |= set(way.more_packages)
    wanted = {package for package in wanted if not list(packages.glob(f"{package}_*.deb"))}
    if wanted:
        subprocess.run(["apt-get", "download", "-q", *sorted(wanted)], cwd=packages, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for deb in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", deb, folder / "root"], check=True)


def find(program, folder):
    if "/" in program:
        return program if os.access(program, os.X_OK) else None
    root = folder / "root"
    places = [root / place for place in ("usr/sbin", "usr/bin", "sbin", "bin")] if folder else []
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(map(str, places))) or \
        shutil.which(program, path="/usr/sbin:/sbin")


def environment(folder):
    libraries = [str(folder / "root" / place) for place in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")]
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin", "LANG": "C.UTF-8",
            "LD_LIBRARY_PATH": ":".join(libraries), "HOME": str(folder)}


# --- running


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Running:
    """A way with a server behind it: `address` is its front. Leaving the block ends all of it."""

    def __init__(self, way, meari, cache, folder):
        self.way, self.meari, self.cache, self.folder = way, str(meari), cache, pathlib.Path(folder)
        self.processes, self.started = [], False
        self.front, self.middle, self.back = free_ports(3)
        self.address = f"127.0.0.1:{self.front if way.commands or way.prepare else self.back}"
        self.inside = []  # what runs a command in the namespace

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        self.processes = []

    def fill(self, text, **more):
        values = {"front": self.front, "middle": self.middle, "back": self.back, "folder": self.folder,
                  "program": self.program, "config": self.folder / "config",
                  "second": self.folder / "second", "sshd": find("sshd", self.cache),
                  "modules": self.modules()}
        return str(text).format(**values | more)

    def modules(self):
        module = self.cache / "root/usr/lib/nginx/modules/ngx_stream_module.so"
        for place in (module, pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")):
            if place.exists():
                return f"load_module {place};\n"
        return ""

    def start(self, words):
        log = open(self.folder / "log", "ab")
        with log:
            process = subprocess.Popen(self.inside + words, env=environment(self.cache), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def run(self, words):
        done = subprocess.run(self.inside + words, env=environment(self.cache), capture_output=True, text=True,
                              timeout=30, check=False)
        if done.returncode != 0:
            raise Unavailable((done.stderr or done.stdout).strip().splitlines()[-1] if done.stderr or done.stdout
                              else f"{words[0]} failed")
        return done

    def enter_namespace(self):
        if os.geteuid() != 0:
            raise Unavailable("a network of its own needs root")
        holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.processes.append(holder)
        if not holder.stdout.readline():
            raise Unavailable("no network of its own (unshare -n)")
        self.inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]

    def begin(self):
        if self.processes or self.started:
            return
        self.prepare()
        proxy = f"?proxy={self.way.proxied}" if self.way.proxied else ""
        block = ["--proxy-from", "127.0.0.1"] if self.way.proxied else []
        self.start([self.meari, "serve", f"tcp://127.0.0.1:{self.back}{proxy}", *block])
        if not self.way.proxied:
            self.await_port(self.back)
        self.run_commands()

    def start_way(self):
        """All but the server, which is the caller's, at `back`."""
        self.started = True
        try:
            self.prepare()
            self.run_commands()
        except BaseException:
            self.__exit__()
            raise

    def prepare(self):
        way = self.way
        self.program = find(way.program, self.cache) if way.program else ""
        if self.program is None:
            raise Unavailable(f"no {way.program} here (package {way.package}; --fetch unpacks it)")
        if way.keys and find("sshd", self.cache) is None:
            raise Unavailable("no sshd here (package openssh-server; --fetch unpacks it)")
        if way.program == "nginx" and not self.modules():
            raise Unavailable("no stream module here (package libnginx-mod-stream; --fetch unpacks it)")
        if way.namespace:
            self.enter_namespace()
        if way.config:
            (self.folder / "config").write_text(self.fill(way.config, **way.fill))
        if "second" in way.fill:
            (self.folder / "second").write_text(self.fill(way.fill["second"]))
        if way.pair:
            self.make_pair()
        if way.keys:
            self.make_keys()
        for words in way.prepare:
            self.run([self.fill(word) for word in words])

    def run_commands(self):
        way = self.way
        for number, words in enumerate(way.commands):
            if number > 0:
                self.await_listening(self.middle)
            if way.pass_fd3:
                words = ("sh", "-c", 'exec 3>/dev/null; exec "$@"', "sh", *words)
            self.start([self.fill(word) for word in words])
        if way.commands:
            self.await_port(self.front)

    def make_pair(self):
        self.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                  "-subj", "/CN=localhost", "-days", "2", "-keyout", str(self.folder / "key.pem"), "-out",
                  str(self.folder / "cert.pem")])
        pair = (self.folder / "key.pem").read_text() + (self.folder / "cert.pem").read_text()
        (self.folder / "pair.pem").write_text(pair)
        (self.folder / "pair.pem").chmod(0o600)

    def make_keys(self):
        if os.geteuid() != 0:
            raise Unavailable("sshd needs a mount namespace here, and that needs root")
        for name in ("host_key", "key"):
            self.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)])
        passwd = "root:x:0:0::/root:/bin/sh\nsshd:x:990:65534::/run/sshd:/usr/sbin/nologin\n"
        (self.folder / "passwd").write_text(passwd)
        (self.folder / "shadow").write_text("root:NP:19000::::::\nsshd:*:19000::::::\n")

    def await_listening(self, port):
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.01)
        raise Unavailable(f"it does not listen: {self.last_words()}")

    def last_words(self):
        told = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        return told[-1] if told else "it said nothing"

    def await_port(self, port):
        """By an exchange, and not by a connection alone: a proxy takes those before its server does."""
        probe = self.inside + [self.meari, "ping", "-q", "-c", "1", "-W", f"{READY_S}s", "-w", f"{READY_S}s",
                               f"127.0.0.1:{port}"]
        until = time.monotonic() + READY_S
        while subprocess.run(probe, capture_output=True, check=False, env=environment(self.cache)).returncode != 0:
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            raise Unavailable(f"it does not work here: {self.last_words()}")

    def check(self, *options, timeout=120):
        words = [self.meari, "check", self.address, "--through", self.way.name, *options]
        return subprocess.run(self.inside + words, capture_output=True, text=True, timeout=timeout, check=False,
                              env=environment(self.cache))

    def version(self):
        if not self.way.version:
            return ""
        words = [self.fill(word) for word in self.way.version]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment(self.cache),
                              stdin=subprocess.DEVNULL, timeout=20)
        found = re.search(r"\d+\.\d+(\.\d+)*([-.]?\w+)?", done.stdout + done.stderr)
        return found.group(0) if found else package_version(self.way.package)


def package_version(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0 or not done.stdout:
        done = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
        found = re.search(r"Candidate: (?:\d+:)?(\S+)", done.stdout)
        return found.group(1) if found else "?"
    return re.sub(r"^\d+:", "", done.stdout)
