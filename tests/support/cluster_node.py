"""What the programs of the tests' cluster are told: their arguments and files. It says why, for each odd setting."""

import base64
import json
from pathlib import Path
from typing import Any

from cluster_init import NODE, SERVICES, group
from cluster_keys import ISSUER, make_keys

PODS = "10.244.0.0/24"
#: Started once the API server answers, which they would otherwise end for.
AFTER_API = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
#: Its usual place would be made in /usr/libexec.
PLUGINS = "/var/lib/kubelet/volume-plugins"

CONTAINERD = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  # The usual one would be pulled from a hub. It must only wait: a server would take the pod's port.
  sandbox_image = "{registry}/pause:1"
  # Without CAP_SYS_RESOURCE nobody may lower it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
"""
REGISTRY = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: '{folder}/registry'}}, delete: {{enabled: true}}}}
http: {{addr: '{registry}'}}
"""


class Node:
    """One cluster's folder; `api` and `registry` are HOST:PORT, the same on the machine and in the cluster."""

    def __init__(self, folder: Path, api: str, registry: str) -> None:
        self.folder, self.api, self.registry = folder, api, registry
        self.keys = folder / "keys"
        self.kubeconfig = folder / "kubeconfig"

    def write(self, outside: str) -> None:
        """Write all files. `outside` is the machine's network namespace, as a file that process 1 has."""
        for name in ("run", "var/lib/kubelet", "var/log", "var/tmp", "settings", "log", "pids", "held", "cni"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "var" / "run").symlink_to("/run")
        make_keys(self.keys, "127.0.0.1", NODE, SERVICES.replace("0.0/16", "0.1"), "kubernetes.default.svc")
        places = {"folder": self.folder, "registry": self.registry}
        (self.folder / "containerd.toml").write_text(CONTAINERD.format(**places))
        (self.folder / "registry.yml").write_text(REGISTRY.format(**places))
        self._json("kubeconfig", self._client())
        self._json("cni/bridge.conflist", _pod_network())
        self._json("kubelet.json", self._kubelet())
        self._json("proxy.json", self._proxy())
        self._json("programs.json", self._programs(outside))

    def _json(self, name: str, value: Any) -> None:
        (self.folder / name).write_text(json.dumps(value, indent=2))

    def _programs(self, outside: str) -> dict[str, list[str]]:
        here = "/proc/self/ns/net"
        control = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1"]
        return {
            "api": ["forward", self.api, outside, here],
            "images": ["forward", self.registry, outside, here],
            "registry": ["docker-registry", "serve", str(self.folder / "registry.yml")],
            "containerd": ["containerd", "--config", str(self.folder / "containerd.toml")],
            # What it holds ends with the cluster: nothing has to reach the disk.
            "etcd": ["etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync", "--log-level=warn"],
            "kube-apiserver": self._api_server(),
            "kube-controller-manager": [
                "kube-controller-manager",
                *control,
                f"--root-ca-file={self.keys}/ca.crt",
                f"--service-account-private-key-file={self.keys}/sa.key",
                f"--flex-volume-plugin-dir={PLUGINS}",
            ],
            "kube-scheduler": ["kube-scheduler", *control],
            "kubelet": [
                "kubelet",
                f"--config={self.folder}/kubelet.json",
                f"--kubeconfig={self.kubeconfig}",
                "--hostname-override=node",
                f"--node-ip={NODE}",
            ],
            "kube-proxy": ["kube-proxy", f"--config={self.folder}/proxy.json", "--hostname-override=node"],
        }

    def _api_server(self) -> list[str]:
        return [
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--secure-port={self.api.rpartition(':')[2]}",
            f"--advertise-address={NODE}",  # pods reach it there; loopback is refused
            f"--tls-cert-file={self.keys}/apiserver.crt",
            f"--tls-private-key-file={self.keys}/apiserver.key",
            f"--client-ca-file={self.keys}/ca.crt",
            # The node's name, which comes first by default, has no address anywhere.
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={self.keys}/admin.crt",
            f"--kubelet-client-key={self.keys}/admin.key",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={SERVICES}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={self.keys}/sa.key",
            f"--service-account-signing-key-file={self.keys}/sa.key",
        ]

    def _client(self) -> dict[str, Any]:
        def encoded(name: str) -> str:
            return base64.b64encode((self.keys / name).read_bytes()).decode()

        server = {"server": f"https://{self.api}", "certificate-authority-data": encoded("ca.crt")}
        admin = {"client-certificate-data": encoded("admin.crt"), "client-key-data": encoded("admin.key")}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": server}],
            "users": [{"name": "admin", "user": admin}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
            "current-context": "tests",
        }

    def _kubelet(self) -> dict[str, Any]:
        authority = {"clientCAFile": str(self.keys / "ca.crt")}
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}, "x509": authority},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{group(self.folder)}",
            "failCgroupV1": False,
            "failSwapOn": False,
            # A machine whose disk is nearly full is no reason to evict the tests' pods or images.
            "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
            "imageGCHighThresholdPercent": 100,
            # Without CAP_SYS_RESOURCE neither can be raised.
            "oomScoreAdj": 0,
            "maxOpenFiles": 20000,
            "resolvConf": "",
            "clusterDNS": ["10.96.0.10"],  # there is none, but without it each pod gets a warning event
            "volumePluginDir": PLUGINS,
        }

    def _proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            # Pods are on one bridge: an answer from one to another would go past the rules that must undo the address.
            "iptables": {"masqueradeAll": True},
            "clientConnection": {"kubeconfig": str(self.kubeconfig)},
            "clusterCIDR": PODS,
            "oomScoreAdj": 0,
            # These can't be written in a network namespace: 0 leaves them alone.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }


def _pod_network() -> dict[str, Any]:
    addresses = {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}
