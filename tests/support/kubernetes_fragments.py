"""Pieces of kubernetes_objects.RELEASE that are changed, what is added to it, and why a server takes some of it."""

from __future__ import annotations

ONE_BY_ONE = "a server looks at one object at a time"
NODES = "a server takes it, and nodes never start the container"
DEFAULT = "0 is read as left out"
TMP = "            - name: tmp\n              mountPath: /tmp\n"
MODE = "            - name: MODE\n              value: fast\n"
INIT = "        - name: fetch\n"
METRICS = "            - name: metrics\n              containerPort: 9090\n"
SERVED = "    - name: metrics\n      port: 9090\n      targetPort: 9090\n"
FROM = "          envFrom:\n            - configMapRef:\n                name: settings\n"
SELECTOR = "    matchLabels:\n      app: churn\n    matchExpressions:\n"
LABELS = "        app: churn\n        tier: serving\n"
READY = "            httpGet:\n              path: /ready\n              port: 8080\n"
LIVE = "            tcpSocket:\n              port: http\n"
SIZED = "          emptyDir:\n            sizeLimit: 1Gi\n"
BLOCK = "        - ipBlock:\n            cidr: 10.0.0.0/8\n"
ROLLING = "      maxSurge: 1\n      maxUnavailable: 0\n"
PORT = "                port:\n                  name: http\n"
DAEMON = """\
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: daemon
spec:
  selector: {matchLabels: {app: daemon}}
  updateStrategy:
    rollingUpdate: {maxUnavailable: 1}
  template:
    metadata: {labels: {app: daemon}}
    spec:
      containers:
        - {name: daemon, image: example.com/daemon}
"""
STATEFUL = """\
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: stateful
spec:
  serviceName: stateful
  selector: {matchLabels: {app: stateful}}
  template:
    metadata: {labels: {app: stateful}}
    spec:
      containers:
        - name: stateful
          image: example.com/stateful
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
"""
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {selector: {app: churn}}
"""
METRIC = """\
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 70
"""
END = "    name: churn\n    namespace: models\n"
SUBJECT = "  - kind: ServiceAccount\n    name: churn\n    namespace: models\n"
CLUSTER_BINDING = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: other}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
  - {kind: ServiceAccount, name: churn}
"""
