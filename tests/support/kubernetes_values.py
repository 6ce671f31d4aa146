"""Single values that are refused, in an otherwise sound set of objects."""

from __future__ import annotations

from tests.support.kubernetes_fragments import DEFAULT, FROM, INIT, LIVE, METRICS, MODE, PORT, READY, SERVED, SIZED
from tests.support.kubernetes_objects import Change

#: What definitions say: types, fields, words, items that are there twice.
TYPES = {
    "unknown field": Change("  minReadySeconds: 10", "  minReadySecond: 10", "minReadySecond: there is no such field"),
    "unknown field deep inside": Change(
        "            failureThreshold: 30", "            retries: 30", "there is no such field"
    ),
    "text for a number": Change("  minReadySeconds: 10", '  minReadySeconds: "10"', "must be a whole number, not '10'"),
    "number for text": Change("              value: fast", "              value: 1", "must be text, not 1"),
    "truth for text": Change(
        "              value: fast", "              value: yes", "must be text, not a truth value"
    ),
    "fraction": Change("  minReadySeconds: 10", "  minReadySeconds: 1.5", "must be a whole number, not 1.5"),
    "too large": Change("  minReadySeconds: 10", "  minReadySeconds: 2147483648", "is too large for int32"),
    "mapping for a list": Change(FROM, "          envFrom: {configMapRef: {name: settings}}\n", "must be a list"),
    "list for a mapping": Change(
        "      nodeSelector:\n        kubernetes.io/os: linux\n", "      nodeSelector: [linux]\n", "not a list"
    ),
    "text for a mapping": Change(
        "      nodeSelector:\n        kubernetes.io/os: linux\n", "      nodeSelector: linux\n", "not 'linux'"
    ),
    "text for a truth": Change(
        "automountServiceAccountToken: false", 'automountServiceAccountToken: "false"', "true or false"
    ),
    "text for a list": Change("    verbs: [get]", "    verbs: get", "must be a list, not 'get'"),
    "missing field": Change("          type: Utilization\n", "", "target.type: is missing", at="        target:\n"),
    "null for a needed field": Change("  maxReplicas: 5", "  maxReplicas: null", "maxReplicas: is missing"),
    "another word": Change(
        "imagePullPolicy: IfNotPresent", "imagePullPolicy: IfNotPresnt", "'IfNotPresnt' is not allowed"
    ),
    "another word in a list": Change(
        "  policyTypes: [Ingress]", "  policyTypes: [ingress]", "'ingress' is not allowed"
    ),
    "quantity with B": Change(
        "      storage: 1Gi", "      storage: 4GB", "must be a quantity such as 500m, 2 or 4Gi, not '4GB'"
    ),
    "quantity with a blank": Change("              cpu: 500m", '              cpu: "500 m"', "not '500 m'"),
    "quantity that is a list": Change("            sizeLimit: 1Gi", "            sizeLimit: [1Gi]", "not a list"),
    "not base64": Change("  token: c2VjcmV0", "  token: secret!", "is not base64"),
    "base64 without its end": Change("  token: c2VjcmV0", "  token: c2VjcmV0cw", "is not base64"),
    "container twice": Change(
        INIT,
        f"{INIT}          image: example.com/first\n          securityContext: &own\n"
        "            allowPrivilegeEscalation: false\n            capabilities: {drop: [ALL]}\n" + INIT,
        "fetch is already there, as [0]",
        at=f"{INIT}          image: example.com/fetch",
    ),
    "variable twice": Change(
        MODE,
        MODE + "            - name: MODE\n              value: slow\n",
        "MODE is already there, as [0]",
        at="            - name: MODE\n              value: slow",
    ),
    "container port twice": Change(METRICS, METRICS.replace("9090", "8080"), "8080, TCP is already there, as [0]"),
    "mount path twice": Change(
        "              mountPath: /etc/churn",
        "              mountPath: /tmp",
        "/tmp is already there, as [0]",
        at="            - name: settings\n              mountPath",
    ),
    "Service port twice": Change(
        SERVED, SERVED.replace("port: 9090", "port: 80", 1), "80, TCP is already there, as [0]"
    ),
}


#: Names, labels and what else single values may look like.
VALUES = {
    "name with a capital": Change("  name: cache", "  name: Cache", "'Cache' is no valid name"),
    "name of a Service with a digit first": Change(
        "kind: Service\nmetadata:\n  name: churn\n",
        "kind: Service\nmetadata:\n  name: 1churn\n",
        "'1churn' is no valid name",
        at="  name: 1churn",
    ),
    "name of a Service with a dot": Change(
        "kind: Service\nmetadata:\n  name: churn\n",
        "kind: Service\nmetadata:\n  name: a.b\n",
        "'a.b' is no valid name",
        at="  name: a.b",
    ),
    "name with a dash at the end": Change("  name: cache", "  name: cache-", "'cache-' is no valid name"),
    "name too long": Change("  name: cache", f"  name: {'a' * 254}", "is no valid name"),
    "name of a CronJob too long": Change("  name: nightly\nspec", f"  name: {'a' * 53}\nspec", "has 53 characters"),
    "name of a Role with a slash": Change(
        "kind: Role\nmetadata:\n  name: churn:reads",
        "kind: Role\nmetadata:\n  name: a/b",
        "'a/b' is no valid name",
        at="  name: a/b",
    ),
    "empty name": Change("  name: cache", '  name: ""', "metadata.name: is missing"),
    "no name": Change(
        "  name: cache",
        "  generateName: cache-",
        "metadata.name: is missing",
        at="metadata:\n  generateName",
        taken="what is created may be named by a server; what is applied may not",
    ),
    "namespace with a dot": Change(
        "  name: cache", "  name: cache\n  namespace: a.b", "'a.b' is no valid name", at="  namespace: a.b"
    ),
    "label's key": Change("    app.kubernetes.io/name: churn", "    app.kubernetes.io/: churn", "is no valid key"),
    "label's prefix": Change("    app.kubernetes.io/name: churn", "    App.io/name: churn", "is no valid key"),
    "label's value": Change(
        "    app.kubernetes.io/name: churn", "    app.kubernetes.io/name: churn model", "is no valid value of a label"
    ),
    "label's value too long": Change(
        "    app.kubernetes.io/name: churn", f"    app.kubernetes.io/name: {'a' * 64}", "is no valid value of a label"
    ),
    "label's value that is a number": Change(
        "    app.kubernetes.io/name: churn", "    app.kubernetes.io/name: 12", "must be text, not 12"
    ),
    "annotation's key": Change("    example.com/Note: any text", "    example.com/a/b: any text", "is no valid key"),
    "annotations too large": Change(
        "    example.com/Note: any text",
        f"    example.com/Note: {'x' * 262144}",
        "annotations: hold 262160 bytes",
        at="  annotations:\n",
    ),
    "node selector": Change(
        "        kubernetes.io/os: linux", "        kubernetes.io/os: linux!", "is no valid value of a label"
    ),
    "container's name": Change("        - name: server\n", "        - name: Server\n", "'Server' is no valid name"),
    "no image": Change(
        "          image: example.com/fetch@sha256:" + "a" * 64 + "\n", "", "image: is missing", at=INIT
    ),
    "empty image": Change(
        "          image: example.com/fetch@sha256:" + "a" * 64, '          image: ""', "image: is empty"
    ),
    "image with a blank": Change(
        "          image: example.com/fetch@sha256:" + "a" * 64,
        '          image: "example.com/fetch "',
        "ends with a blank",
        taken="blanks are kept, and nodes refuse them",
    ),
    "variable's name": Change(
        "            - name: MODE", "            - name: 1=MODE", "'1=MODE' is no valid variable"
    ),
    "container port 0": Change(
        "              containerPort: 9090", "              containerPort: 0", "0 is not allowed"
    ),
    "container port too large": Change(
        "              containerPort: 9090", "              containerPort: 65536", "65536 is not allowed"
    ),
    "port's name too long": Change(
        "            - name: metrics\n", "            - name: metrics-of-churn\n", "is no valid name of a port"
    ),
    "port's name of digits": Change(
        "            - name: metrics\n", '            - name: "123"\n', "is no valid name of a port"
    ),
    "Service port 0": Change("      port: 9090\n", "      port: 0\n", "0 is not allowed"),
    "target port in quotes": Change(
        "      targetPort: 9090", '      targetPort: "9090"', "'9090' in quotes is the name of a port"
    ),
    "probe's port in quotes": Change(
        "              port: 8080", '              port: "8080"', "'8080' in quotes is the name of a port"
    ),
    "probe never": Change(
        "            failureThreshold: 30", "            failureThreshold: 0", "0 is not allowed", taken=DEFAULT
    ),
    "probe below 0": Change("            periodSeconds: 10", "            periodSeconds: -1", "-1 is not allowed"),
    "two handlers": Change(
        LIVE,
        LIVE + "            exec:\n              command: [ps]\n",
        "has exec and tcpSocket",
        at="          livenessProbe:\n",
    ),
    "no handler": Change(READY, "", "has none of exec, httpGet, tcpSocket, grpc", at="          readinessProbe:\n"),
    "two stops": Change(
        "              sleep:\n                seconds: 10\n",
        "              sleep: {seconds: 10}\n              exec: {command: [ps]}\n",
        "has exec and sleep",
        at="            preStop:\n",
    ),
    "two volumes in one": Change(
        SIZED,
        "          emptyDir: {}\n          configMap: {name: settings}\n",
        "has emptyDir and configMap",
        at="        - name: tmp\n          emptyDir",
    ),
    "two sources of a variable": Change(
        "                secretKeyRef:\n",
        "                fieldRef: {fieldPath: metadata.name}\n                secretKeyRef:\n",
        "has secretKeyRef and fieldRef",
        at="              valueFrom:\n                fieldRef",
    ),
    "no source of variables": Change(
        FROM,
        "          envFrom:\n            - prefix: A\n",
        "has none of configMapRef, secretRef",
        at="            - prefix: A",
    ),
    "mount with a colon": Change(
        "              mountPath: /tmp",
        "              mountPath: /a:b",
        "must not hold `:`",
        taken="it is a path on Windows",
    ),
    "sub path that leaves": Change(
        "              subPath: churn", "              subPath: ../churn", "leaves what it is in"
    ),
    "negative request": Change("              cpu: 500m", "              cpu: -1", "-1 is negative"),
    "negative size": Change("            sizeLimit: 1Gi", "            sizeLimit: -1Gi", "-1Gi is negative"),
    "claim for nothing": Change("      storage: 1Gi", "      storage: 0", "0 is not allowed"),
    "user below 0": Change("        runAsUser: 1000", "        runAsUser: -1", "-1 is not allowed"),
    "surge below 0": Change("      maxSurge: 1", "      maxSurge: -1", "'-1' is not allowed"),
    "surge that is no percentage": Change("      maxSurge: 1", "      maxSurge: some", "'some' is not allowed"),
    "more than all unavailable": Change(
        "      maxUnavailable: 0\n", "      maxUnavailable: 101%\n", "101% is more than all"
    ),
    "no pods at most": Change("  maxReplicas: 5", "  maxReplicas: 0", "0 is not allowed"),
    "too long a window": Change(
        "      stabilizationWindowSeconds: 300", "      stabilizationWindowSeconds: 3601", "3601 is not allowed"
    ),
    "no load": Change("          averageUtilization: 70", "          averageUtilization: 0", "0 is not allowed"),
    "more than all may go": Change("  maxUnavailable: 1\n", "  maxUnavailable: 200%\n", "200% is more than all"),
    "no retries below 0": Change("  backoffLimit: 2", "  backoffLimit: -2", "-2 is not allowed"),
    "schedule of four fields": Change('  schedule: "0 3 * * 1-5"', '  schedule: "0 3 * *"', "'0 3 * *' is no schedule"),
    "key of a ConfigMap": Change("  LEVEL: info", "  LEVEL: info\n  a b: c", "'a b' is no valid key", at="  a b: c"),
    "key of a Secret": Change("  other: text", "  ..: text", "'..' is no valid key"),
    "port of a backend by name and number": Change(
        PORT, PORT + "                  number: 80\n", "has name and number", at="                port:\n"
    ),
    "no port of a backend": Change(PORT, "                port: {}\n", "has none of name, number"),
    "no backend": Change(
        "              service:\n                name: churn\n" + PORT,
        "              {}\n",
        "has none of service, resource",
        at="            backend:\n",
    ),
}
