"""What the server calls and tests/torture makes fail: a new call in src/ must not escape."""

import re

import pytest

from house import BUILD, ROOT, command

# The folders that a server consists of; a verb of its own is but options.
FOLDERS = "base", "net", "wire", "protocol", "engine", "web", "server"
# In base, but for results only: the clients'.
NOT_THE_SERVERS = {"base_outfile.c.o"}
MORE = "cli_cli", "cli_meant", "cli_options", "cli_settings", "cli_take", "cli_verb_serve"
# Calls that cannot fail, or only by a fault of the caller. Everything else is in tests/torture/meson.build.
CANNOT_FAIL = {
    # text and numbers
    "__ctype_get_mb_cur_max", "cos", "ferror", "feof", "floor", "log", "log1p", "memchr", "memcmp", "memcpy", "memmove",
    "memset", "nl_langinfo", "pow", "snprintf", "sqrt", "strcasecmp", "strchr", "strcmp", "strcspn", "strerror",
    "strerrorname_np", "strftime", "strlen", "strncasecmp", "strncmp", "strnlen", "strrchr", "strspn",
    "strstr", "strtod", "strtol", "time", "vsnprintf", "inet_ntop", "inet_pton", "dirname", "gmtime_r", "dcgettext", "dcngettext",
    "nearbyint", "nextafter", "wcwidth",
    # giving back
    "free", "freeaddrinfo", "json_delete", "io_uring_free_probe", "io_uring_queue_exit", "seccomp_release",
    "pthread_attr_destroy", "pthread_cond_destroy", "pthread_condattr_destroy", "pthread_detach",
    "pthread_mutex_destroy",
    # asking for what is there; the clock
    "clock_gettime", "gethostname", "getegid", "getenv", "geteuid", "getgid", "getgroups", "getpid", "getuid", "sysconf",
    "seccomp_syscall_resolve_name", "unsetenv",
    # threads, signals: only by a fault of the caller
    "pthread_cond_broadcast", "pthread_cond_signal", "pthread_cond_timedwait", "pthread_cond_wait",
    "pthread_condattr_init", "pthread_condattr_setclock", "pthread_join", "pthread_mutex_lock", "pthread_self",
    "pthread_setname_np",
    "pthread_mutex_unlock", "pthread_once", "sigaddset", "sigemptyset", "signal",
    # sorts in place where it gets no memory
    "qsort",
    # ends the program
    "__assert_fail", "abort", "exit", "_exit",
}
# What fails only for want of memory, which the shim takes away at the source; or is OpenSSL's (openssl_malloc).
BY_MEMORY = re.compile(r"json_|(SSL|X509|X509V3|BIO|ERR|EVP|ASN1|RAND|PEM|TLS|OpenSSL|OPENSSL)_")
# Before there is a server: a locale that is not there has tests of its own; help, options, --explain.
ELSEWHERE = {"setlocale", "printf", "io_uring_unregister_buf_ring"}
# The compiler's and libc's own.
INTERNAL = re.compile(r"_GLOBAL_OFFSET_TABLE_|__errno_location|__sched_cpucount|__udivti3|in6addr_\w+"
                      r"|stdout|stderr|__tls_get_addr|__(asan|ubsan|tsan|stack_chk)_\w+")


def symbols(kind, *files):
    shown = command("nm", f"--{kind}-only", "--format=posix", *files)
    assert shown.returncode == 0, shown.stderr
    return {line.split()[0] for line in shown.stdout.splitlines() if " " in line}


def called():
    objects = [path for path in sorted((BUILD / "src/libmeari.a.p").glob("*.c.o"))
               if path.name not in NOT_THE_SERVERS
               and path.name.startswith(tuple(folder + "_" for folder in FOLDERS))
               or path.name.removesuffix(".c.o") in MORE]
    assert len(objects) > 50
    return symbols("undefined", *objects) - symbols("defined", BUILD / "src/libmeari.a")


def made_to_fail():
    """What is listed, without that of libraries that this build has not."""
    listed = (ROOT / "tests/torture/meson.build").read_text().split("torture_wraps")[0]
    linked = symbols("defined", BUILD / "tests/torture/meari-torture")
    return {name for name in re.findall(r"'([a-z_][a-z_0-9]+)'", listed) if f"__wrap_{name}" in linked}


def is_optimized():
    return "getline" not in called()  # which is an inline function otherwise


@pytest.mark.skipif(not is_optimized(), reason="what is inline is called here")
def test_every_call_can_be_made_to_fail():
    escaped = {name for name in called() - made_to_fail() - CANNOT_FAIL - ELSEWHERE
               if not BY_MEMORY.match(name) and not INTERNAL.fullmatch(name)}
    assert not escaped, \
        "add these to tests/torture/meson.build and to the shim, or say here why they cannot fail"


@pytest.mark.skipif(not is_optimized(), reason="what is inline is called here")
def test_what_is_made_to_fail_is_called():
    if not {"io_uring_submit", "seccomp_init"} <= made_to_fail():
        pytest.skip("a library is missing, and some calls are made only for it")
    # vfprintf serves the shim's own fprintf.
    assert not made_to_fail() - called() - symbols("undefined", *main_object()) - {"vfprintf"}


def main_object():
    return list((BUILD / "meari.p").glob("*main.c.o"))


def test_the_program_is_without_the_shim():
    shown = command("nm", BUILD / "meari")
    assert shown.returncode == 0 and "shim_strike" not in shown.stdout
