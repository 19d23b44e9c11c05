"""The bridge, its route and firewall, and the kernel settings that pods need."""

import json
import subprocess
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.layout import BRIDGE, BRIDGE_ADDRESS, BRIDGE_MAC, FIREWALL_TABLES, POD_NETWORK, SERVICE_NETWORK

_FORWARDING = "net/ipv4/ip_forward"
_BRIDGE_FILTER = "net/bridge/bridge-nf-call-iptables"
_BRIDGE_FILTER_IPV6 = "net/bridge/bridge-nf-call-ip6tables"  # the firewall drops IPv6, which pods have whether wanted or not
# kubelet sets the last three for itself; they are not this cluster's to change on somebody's machine.
KUBELET_SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
_SETTINGS = (_FORWARDING, _BRIDGE_FILTER, _BRIDGE_FILTER_IPV6, *KUBELET_SETTINGS)
_MODULES = ("bridge", "br_netfilter", "overlay", "nf_tables")
_PREFIX_BITS = POD_NETWORK.rpartition("/")[2]

# Pods may do nothing until the policies are known; the enforcer replaces this table.
_CLOSED = f"""
table ip kas-netpol {{
  chain forward {{ type filter hook forward priority filter + 10; policy accept; iifname "{BRIDGE}" drop; }}
  chain input {{ type filter hook input priority filter + 10; policy accept; iifname "{BRIDGE}" drop; }}
}}
"""


def set_up(firewall: Path, saved_settings: Path) -> None:
    """Create what is missing; the firewall is loaded anew, so that a changed or emptied table comes right again."""
    _load_modules()
    _save_settings(saved_settings)
    _require_free_addresses()
    if not _link_exists():
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
    _run("ip", "address", "replace", f"{BRIDGE_ADDRESS}/{_PREFIX_BITS}", "dev", BRIDGE)
    # A bridge without an address of its own takes the lowest of its ports': when that pod leaves, the others lose the node for seconds.
    _run("ip", "link", "set", BRIDGE, "address", BRIDGE_MAC, "up")
    # Without it, service addresses would leave by the default route until kube-proxy's rules are there.
    _run("ip", "route", "replace", SERVICE_NETWORK, "dev", BRIDGE)
    _write_setting(_FORWARDING, "1")
    _write_setting(_BRIDGE_FILTER, "1")
    if _setting(_BRIDGE_FILTER_IPV6).exists():  # not where the kernel has no IPv6
        _write_setting(_BRIDGE_FILTER_IPV6, "1")
    _run("nft", "-f", str(firewall))


def close_policies() -> None:
    """Let no pod send anything until NetworkPolicies are enforced, unless they already are."""
    if not _table_exists("ip", "kas-netpol"):
        _run("nft", "-f", "-", stdin=_CLOSED)


def restore_kubelet_settings(saved_settings: Path) -> None:
    """Put back what kubelet changed when it started."""
    _restore(saved_settings, KUBELET_SETTINGS)


def tear_down(saved_settings: Path) -> None:
    """Remove everything that ``set_up``, kube-proxy and the CNI plugins made; what is not there is fine."""
    for family, table in FIREWALL_TABLES:
        if _table_exists(family, table):
            _run("nft", "delete", "table", family, table)
    remove_pod_links()
    if _link_exists():
        _run("ip", "link", "delete", BRIDGE)  # takes its route with it
    _restore(saved_settings, _SETTINGS)
    saved_settings.unlink(missing_ok=True)


def remove_pod_links() -> None:
    """Delete the pods' ends on the bridge; those whose namespace is gone went with it."""
    if not _link_exists():
        return
    for link in json.loads(_run("ip", "-json", "link", "show", "master", BRIDGE) or "[]"):
        if name := link.get("ifname"):
            subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def _load_modules() -> None:
    for module in _MODULES:  # built into some kernels, so what counts is the check that follows
        subprocess.run(["modprobe", "--quiet", module], capture_output=True, check=False) if _has_modprobe() else None
    if not _setting(_BRIDGE_FILTER).exists():
        raise ClusterError(
            "The kernel does not filter bridged packets, so NetworkPolicies would not hold: load br_netfilter "
            "(`modprobe br_netfilter`), or use a kernel that has it."
        )


def _has_modprobe() -> bool:
    return any(Path(folder, "modprobe").exists() for folder in ("/sbin", "/usr/sbin"))


def _require_free_addresses() -> None:
    prefix = BRIDGE_ADDRESS.rpartition(".")[0] + "."
    for link in json.loads(_run("ip", "-json", "-4", "address") or "[]"):
        for address in link.get("addr_info", []):
            if address.get("local", "").startswith(prefix) and link.get("ifname") != BRIDGE:
                raise ClusterError(
                    f"{link['ifname']} uses {address['local']}, an address of this cluster's pods ({POD_NETWORK}): stop the other "
                    f"Kubernetes or network of this machine, or remove the interface with `ip link delete {link['ifname']}`."
                )


def _link_exists() -> bool:
    return Path("/sys/class/net", BRIDGE).exists()


def _table_exists(family: str, table: str) -> bool:
    return subprocess.run(["nft", "list", "table", family, table], capture_output=True, check=False).returncode == 0


def _setting(name: str) -> Path:
    return Path("/proc/sys", name)


def _write_setting(name: str, value: str) -> None:
    if _setting(name).read_text(encoding="utf-8").strip() != value:
        _setting(name).write_text(value, encoding="utf-8")


def _save_settings(file: Path) -> None:
    """Remember the values of before the first start, and only those."""
    if file.exists():
        return
    values = {name: _setting(name).read_text(encoding="utf-8").strip() for name in _SETTINGS if _setting(name).exists()}
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(values), encoding="utf-8")
    new.replace(file)


def _restore(file: Path, names: tuple[str, ...]) -> None:
    if not file.exists():
        return
    values: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    for name in names:
        if name in values and _setting(name).exists():
            _write_setting(name, values[name])


def _run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(list(command), input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.returncode}.")
    return done.stdout
