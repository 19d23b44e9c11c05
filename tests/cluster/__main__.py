"""The command line: ``python3 -m tests.cluster <build|up|down|status|env|packages>``, from the top of the repository."""

import argparse
import signal
import sys
from pathlib import Path

from tests.cluster import apiserver, build, checks, layout, node, status
from tests.cluster.errors import ClusterError

_NOT_RUNNING = 3  # of status, as service managers have it


def main() -> int:
    arguments = _parse()
    signal.signal(signal.SIGTERM, _end)
    try:
        return _run(arguments)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; it can be run again and goes on where it stopped", file=sys.stderr)
        return 130


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tests.cluster", description="A real one-node Kubernetes for tests and the demo.")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="build all programs and images into the cache (once; 10 to 16 minutes)")
    starting = commands.add_parser("up", help="start what does not run")
    ending = commands.add_parser("down", help="end everything that up started")
    showing = commands.add_parser("status", help="what runs, since when; exit code 3 if not all of it does")
    environment = commands.add_parser("env", help="print KUBECONFIG, PATH and the gateway's address")
    commands.add_parser("packages", help="print the Debian packages that build and up need")
    for command in (building, starting):
        command.add_argument("--progress", type=Path, metavar="FILE", help="also keep the progress as JSON in this file")
    for command in (starting, ending, showing, environment):
        command.add_argument("--state", type=Path, metavar="DIR", help=f"the cluster's data (default: {layout.DEFAULT_STATE})")
    for command in (starting, ending, showing, environment):
        command.add_argument("--apiserver-only", action="store_true", help="etcd and the API server alone, on loopback; needs no root")
    ending.add_argument("--wipe", action="store_true", help="delete the cluster's data too")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "build":
            print(build.build(arguments.progress).root)
        case "packages":
            print("\n".join(checks.HOST_PACKAGES))
        case "up" if arguments.apiserver_only:
            print(f"export KUBECONFIG={apiserver.start_apiserver(arguments.state).kubeconfig}")
        case "up":
            paths = layout.full_cluster(arguments.state)
            node.up(paths, arguments.progress)
            print(f"export KUBECONFIG={paths.kubeconfig}")
        case "down" if arguments.apiserver_only:
            apiserver.stop_apiserver(layout.apiserver_only(arguments.state), wipe=arguments.wipe)
        case "down":
            node.down(status.find_cluster(arguments.state), wipe=arguments.wipe)
        case "status":
            show = status.show_apiserver if arguments.apiserver_only else status.show
            report, complete = show(_find(arguments))
            print(report)
            return 0 if complete else _NOT_RUNNING
        case "env":
            print(status.render_environment(_find(arguments)))
    return 0


def _find(arguments: argparse.Namespace) -> layout.Paths:
    if arguments.apiserver_only:
        return layout.apiserver_only(arguments.state)
    return status.find_cluster(arguments.state)


def _end(number: int, frame: object) -> None:
    """Unwind like Ctrl-C, so that a compiler is stopped along with the build."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
