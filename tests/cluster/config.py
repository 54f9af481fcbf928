"""What each program of the node is told: argument lists and configuration as data."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.layout import API_PORT, DNS_PORT, NODE, Layout

PAUSE_IMAGE = "localhost/slipway-pause:1"
CONTEXT = "slipway-test"
DEBIAN_FOLDERS = ("usr/sbin", "usr/bin", "sbin", "bin")


@dataclass(frozen=True)
class Binaries:
    """Folder of the Kubernetes programs, and a root of unpacked Debian packages."""

    kubernetes: Path
    debian: Path

    @property
    def etcd(self) -> Path:
        return self.debian / "usr/bin/etcd"

    @property
    def containerd(self) -> Path:
        return self.debian / "usr/bin/containerd"

    @property
    def ctr(self) -> Path:
        return self.debian / "usr/bin/ctr"

    @property
    def plugins(self) -> Path:
        return self.debian / "usr/lib/cni"

    @property
    def kubectl(self) -> Path:
        return self.kubernetes / "kubectl"

    @property
    def pause(self) -> Path:
        return self.kubernetes / "pause"

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """PATH and libraries for the daemons; of the caller's own only PATH."""
        folders = [self.debian / name for name in DEBIAN_FOLDERS]
        path = [str(self.kubernetes), *map(str, folders), caller.get("PATH", "/usr/bin:/bin")]
        libraries = [str(path) for path in sorted(self.debian.glob("*/*-linux-gnu"))]
        libraries += [str(path) for path in sorted(self.debian.glob("usr/lib/*-linux-gnu"))]
        return {
            "PATH": ":".join(path),
            "LD_LIBRARY_PATH": ":".join(libraries),
            "HOME": "/nonexistent",
        }


def etcd_argv(layout: Layout, binaries: Binaries) -> list[str]:
    """Loopback of the cluster alone; nothing here need survive the machine, so no fsync."""
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return [
        str(binaries.etcd),
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def apiserver_argv(layout: Layout, binaries: Binaries, extra: tuple[str, ...] = ()) -> list[str]:
    pki = layout.pki
    return [
        str(binaries.kubernetes / "kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--bind-address={layout.node_address}",
        f"--advertise-address={layout.node_address}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={layout.services}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--service-account-key-file={pki / 'service-accounts.key'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--authorization-mode=RBAC",
        "--allow-privileged",
        f"--kubelet-client-certificate={pki / 'admin.crt'}",
        f"--kubelet-client-key={pki / 'admin.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--shutdown-delay-duration=0s",
        *extra,
    ]


def controllers_argv(layout: Layout, binaries: Binaries) -> list[str]:
    return [
        str(binaries.kubernetes / "kube-controller-manager"),
        f"--kubeconfig={layout.kubeconfig}",
        f"--service-account-private-key-file={layout.pki / 'service-accounts.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={layout.pki / 'ca.crt'}",
        f"--cluster-signing-key-file={layout.pki / 'ca.key'}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--use-service-account-credentials=false",
    ]


def scheduler_argv(layout: Layout, binaries: Binaries) -> list[str]:
    return [
        str(binaries.kubernetes / "kube-scheduler"),
        f"--kubeconfig={layout.kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]


def kubelet_argv(layout: Layout, binaries: Binaries) -> list[str]:
    return [
        str(binaries.kubernetes / "kubelet"),
        f"--kubeconfig={layout.kubeconfig}",
        f"--config={layout.folder / 'kubelet.json'}",
        f"--root-dir={layout.folder / 'kubelet'}",
        f"--cert-dir={layout.pki}",
        f"--hostname-override={NODE}",
        f"--node-ip={layout.node_address}",
    ]


def kubelet_configuration(layout: Layout) -> dict[str, Any]:
    """KubeletConfiguration; cgroups of version 1 are allowed, as hosts differ."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.node_address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": layout.cgroup,
        "clusterDNS": [layout.dns_service],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{layout.socket}",
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": dict.fromkeys(("nodefs.available", "imagefs.available"), "1%")
        | {"memory.available": "50Mi"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzPort": 0,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        "podLogsDir": str(layout.folder / "pod-logs"),
        "readOnlyPort": 0,
        "resolvConf": str(layout.folder / "resolv.conf"),
        "serializeImagePulls": False,
        "tlsCertFile": str(layout.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet.key"),
        "volumePluginDir": str(layout.folder / "volume-plugins"),
    }


def proxy_argv(layout: Layout, binaries: Binaries) -> list[str]:
    return [
        str(binaries.kubernetes / "kube-proxy"),
        f"--config={layout.folder / 'kube-proxy.json'}",
    ]


def proxy_configuration(layout: Layout) -> dict[str, Any]:
    """KubeProxyConfiguration; connection limits stay those of the kernel."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig)},
        "hostnameOverride": NODE,
        "oomScoreAdj": 0,
        "clusterCIDR": layout.pods,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "nftables": {"minSyncPeriod": "100ms"},
    }


def coredns_argv(layout: Layout, binaries: Binaries) -> list[str]:
    return [str(binaries.kubernetes / "coredns"), "-conf", str(layout.folder / "Corefile")]


def corefile(layout: Layout) -> str:
    return f""".:{DNS_PORT} {{
    bind {layout.node_address}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {layout.kubeconfig}
        pods insecure
        ttl 1
    }}
    cache 1
    loadbalance
}}
"""


def containerd_argv(layout: Layout, binaries: Binaries) -> list[str]:
    return [str(binaries.containerd), "--config", str(layout.folder / "containerd.toml")]


def containerd_configuration(layout: Layout, binaries: Binaries) -> str:
    """containerd 1.6; /run is the cluster's own."""
    return f"""version = 2
root = '{layout.folder / "containerd"}'
state = '/run/containerd'
oom_score = 0
disabled_plugins = [
  'io.containerd.snapshotter.v1.aufs', 'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper', 'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt',
]
[grpc]
  address = '{layout.socket}'
[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = '{PAUSE_IMAGE}'
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.grpc.v1.cri'.cni]
    bin_dir = '{binaries.plugins}'
    conf_dir = '{layout.folder / "cni"}'
  [plugins.'io.containerd.grpc.v1.cri'.registry]
    config_path = '{layout.registries}'
"""


def network_configuration(layout: Layout) -> dict[str, Any]:
    """CNI: each pod is routed by a link of its own, so nothing depends on bridge filtering."""
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.folder / "pod-addresses"),
        "ranges": [[{"subnet": layout.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugin = {"type": "ptp", "ipMasq": False, "ipam": addresses}
    return {"cniVersion": "1.0.0", "name": "slipway-test", "plugins": [plugin]}


def kubeconfig(layout: Layout) -> dict[str, Any]:
    """The administrator's; one context, `CONTEXT`."""

    def data(name: str) -> str:
        return base64.b64encode((layout.pki / name).read_bytes()).decode()

    name = CONTEXT
    cluster = {"server": layout.server, "certificate-authority-data": data("ca.crt")}
    user = {
        "client-certificate-data": data("admin.crt"),
        "client-key-data": data("admin.key"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def dns_objects(layout: Layout) -> list[tuple[str, dict[str, Any]]]:
    """API path and object: the service kube-dns, which leads to CoreDNS on the node."""
    names = (("dns", "UDP"), ("dns-tcp", "TCP"))
    space = {"namespace": "kube-system"}
    ports = [{"name": n, "port": 53, "protocol": p, "targetPort": DNS_PORT} for n, p in names]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", **space},
        "spec": {"clusterIP": layout.dns_service, "ports": ports},
    }
    labels = {"kubernetes.io/service-name": "kube-dns"}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns-node", "labels": labels, **space},
        "addressType": "IPv4",
        "ports": [{"name": n, "port": DNS_PORT, "protocol": p} for n, p in names],
        "endpoints": [{"addresses": [layout.node_address], "conditions": {"ready": True}}],
    }
    return [
        ("/api/v1/namespaces/kube-system/services", service),
        ("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", endpoints),
    ]


def daemons(layout: Layout, binaries: Binaries) -> dict[str, list[str]]:
    """Argument list of each daemon by its name, in the order they are needed."""
    return {
        "etcd": etcd_argv(layout, binaries),
        "containerd": containerd_argv(layout, binaries),
        "kube-apiserver": apiserver_argv(layout, binaries),
        "kube-controller-manager": controllers_argv(layout, binaries),
        "kube-scheduler": scheduler_argv(layout, binaries),
        "kubelet": kubelet_argv(layout, binaries),
        "kube-proxy": proxy_argv(layout, binaries),
        "coredns": coredns_argv(layout, binaries),
    }


def write_files(layout: Layout, binaries: Binaries, caller: Mapping[str, str]) -> None:
    """Every file that the daemons read, below the cluster's folder; keys must be there."""
    folder = layout.folder
    (folder / "cni").mkdir(exist_ok=True)
    layout.registries.mkdir(exist_ok=True)
    layout.kubeconfig.touch(mode=0o600)
    documents = {
        layout.kubeconfig: kubeconfig(layout),
        folder / "kubelet.json": kubelet_configuration(layout),
        folder / "kube-proxy.json": proxy_configuration(layout),
        folder / "cni" / "10-slipway.conflist": network_configuration(layout),
    }
    environment = binaries.environment(caller)
    for name, argv in daemons(layout, binaries).items():
        daemon = {"argv": argv, "environment": environment}
        documents[folder / "daemons" / f"{name}.json"] = daemon
    for path, document in documents.items():
        path.write_text(json.dumps(document, indent=1) + "\n")
    (folder / "containerd.toml").write_text(containerd_configuration(layout, binaries))
    (folder / "Corefile").write_text(corefile(layout))
    (folder / "resolv.conf").write_text("")
