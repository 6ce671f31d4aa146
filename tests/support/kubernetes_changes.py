"""Changes to a set of objects: each of BROKEN is refused for one reason; those of FINE look like them and are taken.

Whoever holds our checks against another judge (a server, kubeconform) takes them from here too. `taken` says why a
server takes what is refused here.
"""

from __future__ import annotations

from tests.support.kubernetes_fragments import BLOCK, DAEMON, END, INIT, LABELS, PORT, ROLLING, SIZED, STATEFUL, SUBJECT
from tests.support.kubernetes_misfits import PARTS
from tests.support.kubernetes_objects import Change
from tests.support.kubernetes_values import TYPES, VALUES

#: What looks like one of the mistakes above, and is none.
FINE = {
    "nothing is left out": Change("  minReadySeconds: 10", "  minReadySeconds: null"),
    "empty text for the default": Change("imagePullPolicy: IfNotPresent", 'imagePullPolicy: ""'),
    "quantity as a number": Change("              cpu: 500m", "              cpu: 0.5"),
    "quantity with a plus": Change("              cpu: 500m", '              cpu: "+.5"'),
    "quantity with an exponent": Change("      storage: 1Gi", "      storage: 1e9"),
    "quantity in nothing smaller": Change("              cpu: 500m", "              cpu: 100000n"),
    "base64 in lines": Change("  token: c2VjcmV0", '  token: "c2Vj\\ncmV0\\n"'),
    "one port for two protocols": Change(
        "              containerPort: 9090", "              containerPort: 8080\n              protocol: UDP"
    ),
    "name of a claim with dots": Change("  name: cache", "  name: cache.v1.0"),
    "name of a claim with a digit first": Change("  name: cache", "  name: 1cache"),
    "longest name": Change("  name: cache", f"  name: {'a' * 253}"),
    "longest name of a CronJob": Change("  name: nightly\nspec", f"  name: {'a' * 52}\nspec"),
    "label without a value": Change("    app.kubernetes.io/name: churn", '    app.kubernetes.io/name: ""'),
    "longest value of a label": Change("    app.kubernetes.io/name: churn", f"    app.kubernetes.io/name: {'a' * 63}"),
    "annotation of anything": Change("    example.com/Note: any text", '    example.com/Note: "{ \\u00fc / ! }"'),
    "variable with a dot": Change("            - name: MODE", "            - name: my.mode-1"),
    "longest name of a port": Change("            - name: metrics\n", "            - name: metrics-of-chur\n"),
    "largest port": Change("              containerPort: 9090", "              containerPort: 65535"),
    "volume of no kind": Change(SIZED, ""),
    "memory for a volume": Change(SIZED, SIZED + "            medium: Memory\n"),
    "equal request and limit in other units": Change(
        "              memory: 1Gi\n            limits", "              memory: 1024Mi\n            limits"
    ),
    "limit alone": Change("            requests:\n              cpu: 500m\n              memory: 1Gi\n", ""),
    "huge pages": Change(
        "              memory: 1Gi\n              cpu: 2", "              memory: 1Gi\n              hugepages-2Mi: 4Mi"
    ),
    "as long a sleep as grace": Change("                seconds: 10", "                seconds: 40"),
    "probe of a sidecar": Change(
        INIT, INIT + "          restartPolicy: Always\n          livenessProbe: {exec: {command: [ps]}}\n"
    ),
    "labels that no selector asks for": Change(LABELS, LABELS + "        more: label\n"),
    "selector of what isn't there": Change("operator: In, values: [serving]", "operator: NotIn, values: [batch]"),
    "surge in percent": Change("      maxSurge: 1", "      maxSurge: 150%"),
    "all may be unavailable": Change(ROLLING, ROLLING.replace("1", "0").replace("le: 0", "le: 100%")),
    "no rolling at all": Change("    type: RollingUpdate\n    rollingUpdate:\n" + ROLLING, "    type: Recreate\n"),
    "as many at least as at most": Change("  minReplicas: 2", "  minReplicas: 5"),
    "any host": Change("host: churn.example.com", 'host: "*.example.com"'),
    "backend by number": Change(PORT, "                port:\n                  number: 80\n"),
    "service without a head": Change("  type: ClusterIP", "  clusterIP: None"),
    "node port": Change("  type: ClusterIP", "  type: NodePort"),
    "port by number that no pod names": Change("      targetPort: 9090", "      targetPort: 7070"),
    "peer by two selectors": Change(BLOCK, "        - podSelector: {}\n          namespaceSelector: {}\n"),
    "all traffic": Change("  ingress:\n    - from:\n" + BLOCK, "  ingress:\n    - from:\n        - podSelector: {}\n"),
    "ports up": Change("        - port: http\n", "        - port: 80\n          endPort: 90\n"),
    "schedule by a word": Change('  schedule: "0 3 * * 1-5"', '  schedule: "@daily"'),
    "largest ConfigMap": Change("  LEVEL: info\n", f"  LEVEL: {'x' * 1048574}\n"),
    "user": Change(SUBJECT, "  - kind: User\n    apiGroup: rbac.authorization.k8s.io\n    name: jane\n"),
    "daemons": Change(END, END + DAEMON),
    "daemons that are first doubled": Change(END, END + DAEMON.replace("le: 1}", "le: 0, maxSurge: 1}")),
    "index of one": Change("  completions: 3\n", ""),
    "account of the binding's namespace": Change("    namespace: models\n", ""),
    "stateful": Change(END, END + STATEFUL),
}

BROKEN = TYPES | VALUES | PARTS
