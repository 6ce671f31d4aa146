"""Values that don't fit each other, in an otherwise sound set of objects."""

from __future__ import annotations

from tests.support.kubernetes_fragments import (
    BLOCK,
    CLUSTER_BINDING,
    DAEMON,
    END,
    INIT,
    LABELS,
    LIVE,
    METRIC,
    NODES,
    SELECTOR,
    SERVICE,
    STATEFUL,
)
from tests.support.kubernetes_objects import Change

#: How the parts of one object fit together.
PARTS = {
    "no container": Change(
        "          containers:\n            - name: nightly\n",
        "          containers: []\n          initContainers:\n            - name: nightly\n",
        "there is no container",
        at="          containers: []",
    ),
    "one name in two lists": Change(
        INIT,
        "        - name: server\n",
        "server is already there, as containers[0]",
        at="        - name: server\n          image: example.com/fetch",
    ),
    "a Deployment that ends": Change(
        "      restartPolicy: Always", "      restartPolicy: Never", "Never is not allowed in a Deployment"
    ),
    "a Job without end": Change(
        "      restartPolicy: Never\n",
        "",
        "a Job needs one of these",
        at="    spec:\n      securityContext:\n        runAsNonRoot: true\n        seccompProfile: {",
    ),
    "a CronJob without end": Change(
        "          restartPolicy: OnFailure", "          restartPolicy: Always", "a CronJob needs one of these"
    ),
    "a Deployment with a deadline": Change(
        "      restartPolicy: Always",
        "      restartPolicy: Always\n      activeDeadlineSeconds: 5",
        "is not allowed in a Deployment",
        at="      activeDeadlineSeconds",
    ),
    "ephemeral containers": Change(
        "      restartPolicy: Always",
        "      restartPolicy: Always\n      ephemeralContainers: [{name: x, image: x}]",
        "can't be applied",
        at="      ephemeralContainers",
    ),
    "value and valueFrom": Change(
        "            - name: LEVEL\n",
        "            - name: LEVEL\n              value: x\n",
        "has a value and valueFrom",
        at="              valueFrom:\n                configMapKeyRef",
    ),
    "port's name twice": Change(
        "            - name: metrics\n",
        "            - name: http\n",
        "http is already the name of another port of this container",
    ),
    "probe of a port that isn't there": Change(
        LIVE,
        LIVE.replace("http", "htp"),
        "this container has no port named htp",
        at="              port: htp",
        taken=NODES,
    ),
    "hook to a port that isn't there": Change(
        "              sleep:\n                seconds: 10\n",
        "              httpGet: {port: htp}\n",
        "this container has no port named htp",
        taken=NODES,
    ),
    "several successes of liveness": Change(
        LIVE,
        LIVE + "            successThreshold: 2\n",
        "must be 1",
        at="            successThreshold: 2\n          lifecycle",
    ),
    "grace of readiness": Change(
        "            successThreshold: 2", "            terminationGracePeriodSeconds: 2", "is not allowed here"
    ),
    "longer sleep than grace": Change(
        "                seconds: 10", "                seconds: 41", "is 41, but terminationGracePeriodSeconds is 40"
    ),
    "probe of an init container": Change(
        INIT,
        INIT + "          livenessProbe: {exec: {command: [ps]}}\n",
        "is not allowed in an init container",
        at="          livenessProbe: {",
    ),
    "mount without a volume": Change(
        "            - name: settings\n              mountPath",
        "            - name: setings\n              mountPath",
        "this pod has no volume setings",
    ),
    "privileged without escalation": Change(
        "            privileged: false",
        "            privileged: true",
        "can't be false with privileged",
        at="            allowPrivilegeEscalation: false\n            privileged: true",
    ),
    "root that must not be": Change(
        "        runAsUser: 1000", "        runAsUser: 0", "is 0, but runAsNonRoot is set", taken=NODES
    ),
    "request above limit": Change(
        "              memory: 1Gi\n            limits",
        "              memory: 2Gi\n            limits",
        "asks for 2Gi, but the limit is 1Gi",
    ),
    "request above limit in other units": Change(
        "              cpu: 500m", '              cpu: "2.001"', "asks for 2.001, but the limit is 2"
    ),
    "half a device": Change(
        "              nvidia.com/gpu: 1", "              nvidia.com/gpu: 500m", "must be a whole number, not 500m"
    ),
    "device without limit": Change(
        "            limits:\n              nvidia.com/gpu: 1",
        "            requests:\n              nvidia.com/gpu: 1",
        "has no limit",
        at="              nvidia.com/gpu: 1",
    ),
    "fewer devices than the limit": Change(
        "            limits:\n              nvidia.com/gpu: 1",
        "            requests: {nvidia.com/gpu: 1}\n            limits: {nvidia.com/gpu: 2}",
        "asks for 1, but the limit is 2",
    ),
    "no such resource": Change("              nvidia.com/gpu: 1", "              gpu: 1", "there is no such resource"),
    "selector without its labels": Change(
        LABELS,
        "        app: churn\n",
        "don't have what spec.selector asks for",
        at="      labels:\n        app: churn\n",
    ),
    "selector with an unknown operator": Change(
        "operator: In, values: [serving]",
        "operator: Is, values: [serving]",
        "Is is not allowed",
        at="      - {key: tier",
    ),
    "selector with needless values": Change(
        "operator: In, values: [serving]",
        "operator: Exists, values: [serving]",
        "must be left out with Exists",
        at="      - {key: tier",
    ),
    "selector without values": Change(
        "operator: In, values: [serving]", "operator: NotIn", "must be given with NotIn", at="      - {key: tier"
    ),
    "empty selector": Change(
        "  selector:\n" + SELECTOR + "      - {key: tier, operator: In, values: [serving]}\n",
        "  selector: {}\n",
        "is empty",
        at="  selector: {}",
    ),
    "nothing moves": Change(
        "      maxSurge: 1", '      maxSurge: "0%"', "is 0 as is maxSurge", at="      maxUnavailable: 0"
    ),
    "rolling without rolling": Change(
        "    type: RollingUpdate",
        "    type: Recreate",
        "has no meaning with Recreate",
        at="    rollingUpdate:\n      maxSurge",
    ),
    "deadline before ready": Change(
        "  progressDeadlineSeconds: 300",
        "  progressDeadlineSeconds: 10",
        "is 10, which is not more than minReadySeconds, 10",
    ),
    "no access mode": Change(
        "  accessModes: [ReadWriteOnce]\n",
        "",
        "accessModes: is missing",
        at="spec:\n  resources:\n    requests:\n      storage",
    ),
    "mode that stands alone": Change(
        "[ReadWriteOnce]", "[ReadWriteOnce, ReadWriteOncePod]", "ReadWriteOncePod stands alone", at="  accessModes"
    ),
    "no size": Change("      storage: 1Gi", "      cpu: 1", "storage: is missing", at="    requests:\n      cpu: 1"),
    "index without a number": Change(
        "  completions: 3\n", "  parallelism: 2\n", "completions: is missing", at="spec:\n  completionMode"
    ),
    "index where there is none": Change(
        "  completionMode: Indexed\n", "  backoffLimitPerIndex: 1\n", "needs completionMode: Indexed"
    ),
    "selector of a Job": Change(
        "  completionMode: Indexed\n",
        "  completionMode: Indexed\n  selector: {matchLabels: {a: b}}\n",
        "is made by the server",
        at="  selector: {matchLabels: {a: b}}",
    ),
    "more at least than at most": Change("  minReplicas: 2", "  minReplicas: 6", "is 6, but maxReplicas is 5"),
    "metric of another type": Change(
        "    - type: Resource\n",
        "    - type: Resource\n      pods: {metric: {name: a}, target: {type: AverageValue, averageValue: 1}}\n",
        "does not belong to type Resource",
        at="      pods: {",
    ),
    "metric without its source": Change(METRIC, "", "resource: is missing", at="    - type: Resource"),
    "metric without a number": Change(
        "          averageUtilization: 70\n", "", "says no number", at="        target:\n"
    ),
    "both limits of a budget": Change(
        "  maxUnavailable: 1\n", "  maxUnavailable: 1\n  minAvailable: 1\n", "stands beside minAvailable"
    ),
    "Service without ports": Change(END, END + SERVICE, "there is no port", at="spec: {selector: {app: churn}}"),
    "external name without one": Change(
        "  type: ClusterIP", "  type: ExternalName", "externalName: is missing", at="spec:\n  type: ExternalName"
    ),
    "headless with a node port": Change(
        "  type: ClusterIP",
        "  type: NodePort\n  clusterIP: None",
        "can't be None with type NodePort",
        at="  clusterIP: None",
    ),
    "node port without its type": Change(
        "      targetPort: 9090",
        "      targetPort: 9090\n      nodePort: 30000",
        "has no meaning with type ClusterIP",
        at="      nodePort",
    ),
    "ports without names": Change(
        "    - name: metrics\n      port", "    - port", "name: is missing", at="    - port: 9090"
    ),
    "Service port's name twice": Change(
        "    - name: metrics\n      port", "    - name: http\n      port", "http is already the name of another port"
    ),
    "host that is an address": Change(
        "host: churn.example.com", "host: 10.0.0.1", "10.0.0.1 is an address", at="    - host"
    ),
    "host with a capital": Change(
        "host: churn.example.com", "host: Churn.example.com", "is no valid name", at="    - host"
    ),
    "path without a slash": Change("          - path: /\n", "          - path: predict\n", "must begin with /"),
    "path with two slashes": Change("          - path: /\n", "          - path: /a//b\n", "must not hold //"),
    "peer that is nobody": Change(BLOCK, "        - {}\n", "is empty"),
    "peer that is two": Change(
        BLOCK, BLOCK + "          podSelector: {}\n", "stands beside a selector", at="        - ipBlock"
    ),
    "addresses that are none": Change(
        "            cidr: 10.0.0.0/8", "            cidr: 10.0.0.0/40", "is no range of addresses"
    ),
    "ports backwards": Change(
        "        - port: http\n",
        "        - port: 90\n          endPort: 80\n",
        "is 80, but port is 90",
        at="          endPort",
    ),
    "ports up from a name": Change(
        "        - port: http\n",
        "        - port: http\n          endPort: 80\n",
        "needs a port by number",
        at="          endPort",
    ),
    "data twice": Change(
        '  rules.json: "{}"\n',
        '  rules.json: "{}"\nbinaryData:\n  LEVEL: aW5mbw==\n',
        "stands under binaryData as well",
        at="  LEVEL: info",
    ),
    "ConfigMap too large": Change(
        "  LEVEL: info\n", f"  LEVEL: {'x' * 1048576}\n", "holds 1048578 bytes", at="apiVersion: v1\nkind: ConfigMap"
    ),
    "login without a key": Change(
        "type: Opaque\n", "type: kubernetes.io/ssh-auth\n", "ssh-privatekey is missing", at="data:\n  token"
    ),
    "login that is no JSON": Change(
        "type: Opaque\ndata:\n",
        "type: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: c2VjcmV0\n",
        "is no JSON object",
        at="  .dockerconfigjson",
    ),
    "rule without verbs": Change("    verbs: [get]", "    verbs: []", "verbs: is empty"),
    "rule without groups": Change(
        '  - apiGroups: [""]\n    resources', "  - resources", "apiGroups: is missing", at="  - resources"
    ),
    "role of another kind": Change("  kind: Role\n  name", "  kind: Roll\n  name", "can't be a Roll"),
    "account of no namespace": Change(
        END, END + CLUSTER_BINDING, "namespace: is missing", at="  - {kind: ServiceAccount, name: churn}"
    ),
    "rights for nobody": Change("  - kind: ServiceAccount\n", "  - kind: Account\n", "can't be a Account"),
    "daemons: nothing moves": Change(
        END,
        END + DAEMON.replace("maxUnavailable: 1", "maxUnavailable: 0"),
        "is 0 as is maxSurge",
        at="    rollingUpdate: {maxUnavailable: 0}",
    ),
    "daemons: two at once": Change(
        END,
        END + DAEMON.replace("maxUnavailable: 1", "maxUnavailable: 1, maxSurge: 1"),
        "can't be given while maxUnavailable is not 0",
        at="    rollingUpdate: {maxUnavailable: 1",
    ),
    "stateful: claim of no size": Change(
        END, END + STATEFUL.replace("storage", "cpu"), "storage: is missing", at="        resources: {requests: {cpu"
    ),
}
