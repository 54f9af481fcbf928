"""Where a cluster lives: its folder, its addresses, its names. Values only.

198.18.0.0/15 is set aside for tests of networks (RFC 2544), so it is no one's real network.
Each cluster takes one slot: a link, 128 addresses for pods, and 256 for services.
"""

from dataclasses import dataclass
from pathlib import Path

SLOTS = 64
NODE = "node1"
API_PORT = 6443
DNS_PORT = 1053


@dataclass(frozen=True)
class Layout:
    """One cluster: `slot` is below `SLOTS`, and no other cluster of this machine has it."""

    folder: Path
    slot: int

    @property
    def link(self) -> str:
        """The network link on the machine; its other end is eth0 in the cluster."""
        return f"slipwaytest{self.slot}"

    @property
    def host_address(self) -> str:
        """The machine, as the cluster sees it."""
        return f"198.18.{self.slot}.129"

    @property
    def node_address(self) -> str:
        return f"198.18.{self.slot}.130"

    @property
    def pods(self) -> str:
        return f"198.18.{self.slot}.0/25"

    @property
    def services(self) -> str:
        return f"198.19.{self.slot}.0/24"

    @property
    def api_service(self) -> str:
        """The address of the service `kubernetes`: the first of the range."""
        return f"198.19.{self.slot}.1"

    @property
    def dns_service(self) -> str:
        return f"198.19.{self.slot}.10"

    @property
    def server(self) -> str:
        return f"https://{self.node_address}:{API_PORT}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def registries(self) -> Path:
        """Folder of the registries that the node may pull from, one folder each."""
        return self.folder / "registries"

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.folder / "containerd.sock"

    @property
    def cgroup(self) -> str:
        return f"/slipway-test-{self.slot}"
