"""Builds the programs and images once, into a cache outside the tree.

A folder in the cache appears under its final name only when it is complete. A build that was killed leaves a
``.partial`` folder and Go's own cache behind; the next one goes on from there.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.cluster import checks, images, locks, programs
from tests.cluster.errors import ClusterError
from tests.cluster.layout import Built, cache_root
from tests.cluster.progress import Progress

_ERROR_LINES = 20


def find_built() -> Built:
    """Where the result of ``build`` for this tree is, whether or not it is there yet."""
    key = programs.compute_key()
    root = cache_root() / f"cluster-{key}"
    return Built(root=root, images=root / f"images-{images.compute_key(key)}")


def require_programs() -> Built:
    """The built programs; the images may be missing."""
    built = find_built()
    if not built.root.is_dir():
        raise ClusterError(
            f"The programs of the cluster are not built ({built.root} is missing): "
            "run `python3 -m tests.cluster build` first; it takes 10 to 16 minutes the first time."
        )
    return built


def require_built() -> Built:
    built = require_programs()
    if not built.images.is_dir():
        raise ClusterError("The images of the cluster are not up to date: run `python3 -m tests.cluster build` first.")
    return built


def build(progress_file: Path | None = None) -> Built:
    """Build what is missing; waits for another build of the same cache."""
    go = checks.require_go()
    checks.require_image_programs()
    built = find_built()
    steps = (0 if built.root.is_dir() else 1 + len(programs.STEPS)) + (0 if built.images.is_dir() else 1)

    def say_waiting() -> None:
        progress.note("another build is running; waiting for it to finish")

    with Progress("build", steps, progress_file) as progress, locks.hold(cache_root() / "build.lock", say_waiting) as lock:
        if not built.root.is_dir():  # looked at again: the other build may have made it
            checks.require_disk(cache_root())
            if warning := checks.find_disk_warning(go):
                progress.note(warning)
            _Compiler(go, built.root, progress, lock).run()
        if not built.images.is_dir():
            with progress.step("images"):
                images.build(built, progress.say)
    return built


class _Compiler:
    def __init__(self, go: str, target: Path, progress: Progress, lock: int) -> None:
        self._go = go
        self._target = target
        self._partial = target.with_name(f"{target.name}.partial")
        self._work = self._partial / "work"
        self._progress = progress
        self._lock = lock
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GO") or _is_site_setting(name)},
            "CGO_ENABLED": "0",
            "GOFLAGS": programs.GO_FLAGS,
            "GOWORK": "off",
        }

    def run(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True)
        for module in (programs.PROGRAMS_MODULE, programs.GVISOR_MODULE):
            shutil.copytree(module, self._work / module.name)
        with self._progress.step("Go modules"):
            self._list_packages("programs", ["tool", "./coredns"])
            self._list_packages("gvisor", [f"{programs.GVISOR}/runsc", f"{programs.GVISOR}/shim"])
            self._write_shim()
        for step in programs.STEPS:
            with self._progress.step(step.label):
                for package, output in step.packages:
                    self._compile(step.module, package, self._partial / "bin" / output)
        self._write_crds()
        shutil.rmtree(self._work)
        self._partial.replace(self._target)

    def _list_packages(self, module: str, packages: list[str]) -> None:
        """Download what the packages need, and no more: ``go mod download`` would fetch several times as much."""
        self._run(["list", "-deps", "-f", "{{.ImportPath}}", *packages], module, self._progress.say)

    def _compile(self, module: str, package: str, output: Path) -> None:
        done = 0

        def show(line: str) -> None:
            nonlocal done
            done += 1
            self._progress.say(f"{done} packages compiled, now {line}")

        output.parent.mkdir(parents=True, exist_ok=True)
        flags = programs.build_linker_flags()
        self._run(["build", "-v", "-ldflags", flags, "-o", str(output), package], module, show)

    def _find_module(self, module: str, name: str) -> Path:
        shown = self._run(["list", "-m", "-f", "{{.Dir}}", name], module, lambda line: None)
        return Path(shown.strip())

    def _write_shim(self) -> None:
        """Put gVisor's two files beside our main.go; the reason is in that file."""
        source = self._find_module("gvisor", programs.GVISOR) / "pkg" / "shim" / "v1"
        target = self._work / "gvisor" / "shim"
        for name in ("manager.go", "service.go"):
            text = (source / name).read_text(encoding="utf-8")
            (target / name).write_text(replace_once(text, r"^package v1$", "package main", name), encoding="utf-8")
        manager = target / "manager.go"
        text = manager.read_text(encoding="utf-8")
        manager.write_text(replace_once(text, r"\boomScoreMax = -999$", "oomScoreMax = 0", manager.name), encoding="utf-8")

    def _write_crds(self) -> None:
        folder = self._find_module("programs", programs.AGENT_SANDBOX) / "k8s" / "crds"
        files = sorted(folder.glob("*.yaml"))
        if not files:
            raise ClusterError(f"{folder} holds no CRDs: the layout of agent-sandbox changed, adapt build.py.")
        documents = [remove_conversion(file.read_text(encoding="utf-8")) for file in files]
        (self._partial / "agent-sandbox-crds.yaml").write_text("\n---\n".join(documents), encoding="utf-8")

    def _run(self, arguments: list[str], module: str, on_line: Callable[[str], None]) -> str:
        """Run go in a module's copy; its progress lines (stderr) go to ``on_line``, its stdout is returned."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as stdout:
            process = subprocess.Popen(
                [self._go, *arguments],
                cwd=self._work / module,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                pass_fds=(self._lock,),
            )
            lines: list[str] = []
            try:
                assert process.stderr is not None
                for line in process.stderr:
                    lines.append(line.rstrip())
                    on_line(lines[-1])
                code = process.wait()
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait()
            if code != 0:
                raise ClusterError(explain_failure(arguments, lines))
            stdout.seek(0)
            return stdout.read()


def _is_site_setting(name: str) -> bool:
    """Where this machine gets and keeps Go modules; every other GO variable could change what is built."""
    return name in {"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOCACHE", "GOMODCACHE", "GOPATH", "GOTOOLCHAIN",
                    "GOROOT", "GOTMPDIR", "GOENV", "GOAUTH", "GOINSECURE"}  # fmt: skip


def explain_failure(arguments: list[str], lines: list[str]) -> str:
    """One sentence with the likely cause, then the end of what go said."""
    said = "\n".join(lines[-_ERROR_LINES:])
    if "no space left on device" in said:
        advice = "the disk is full: free some space, or move GOCACHE and KUBECTL_AI_SLACK_CACHE to a larger disk, and run it again"
    elif re.search(r"dial tcp|i/o timeout|no such host|TLS handshake|connection refused|proxyconnect", said):
        advice = "the Go module proxy cannot be reached: check the network or set GOPROXY, and run it again"
    elif "signal: killed" in said:
        advice = "the compiler was killed, most likely for lack of memory (4 GiB are needed): free some, and run it again"
    else:
        advice = "it can be run again and goes on where it stopped"
    return f"`go {' '.join(arguments[:1])} … {arguments[-1]}` failed; {advice}.\n{said}"


def replace_once(text: str, pattern: str, replacement: str, where: str) -> str:
    changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if count != 1:
        raise ClusterError(f"{where} of gVisor's shim does not match {pattern!r}: its layout changed, adapt build.py.")
    return changed


def remove_conversion(crd: str) -> str:
    """A CRD without ``spec.conversion``: the webhook it names does not run here, and only one version is used."""
    kept, inside = [], False
    for line in crd.splitlines():
        if line == "  conversion:":
            inside = True
        elif inside and not line.startswith("    ") and not line.startswith("  -"):
            inside = False
        if not inside:
            kept.append(line)
    return "\n".join(kept) + "\n"
