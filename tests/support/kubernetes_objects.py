"""A set of Kubernetes objects with nothing wrong in it, and one change to it at a time.

The changes are in kubernetes_changes.py.
"""

from __future__ import annotations

from typing import NamedTuple

RELEASE = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: churn
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  LEVEL: info
  rules.json: "{}"
---
apiVersion: v1
kind: Secret
metadata:
  name: keys
type: Opaque
data:
  token: c2VjcmV0
stringData:
  other: text
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: cache
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Gi
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: churn
  labels:
    app.kubernetes.io/name: churn
  annotations:
    example.com/Note: any text
spec:
  minReadySeconds: 10
  progressDeadlineSeconds: 300
  selector:
    matchLabels:
      app: churn
    matchExpressions:
      - {key: tier, operator: In, values: [serving]}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  template:
    metadata:
      labels:
        app: churn
        tier: serving
    spec:
      serviceAccountName: churn
      restartPolicy: Always
      terminationGracePeriodSeconds: 40
      nodeSelector:
        kubernetes.io/os: linux
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        fsGroup: 1000
        seccompProfile:
          type: RuntimeDefault
      initContainers:
        - name: fetch
          image: example.com/fetch@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
      containers:
        - name: server
          image: example.com/churn@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
          imagePullPolicy: IfNotPresent
          ports:
            - name: http
              containerPort: 8080
              protocol: TCP
            - name: metrics
              containerPort: 9090
          env:
            - name: MODE
              value: fast
            - name: LEVEL
              valueFrom:
                configMapKeyRef:
                  name: settings
                  key: LEVEL
            - name: TOKEN
              valueFrom:
                secretKeyRef:
                  name: keys
                  key: token
          envFrom:
            - configMapRef:
                name: settings
          resources:
            requests:
              cpu: 500m
              memory: 1Gi
            limits:
              memory: 1Gi
              cpu: 2
          startupProbe:
            httpGet:
              path: /ready
              port: http
            failureThreshold: 30
            periodSeconds: 10
          readinessProbe:
            httpGet:
              path: /ready
              port: 8080
            successThreshold: 2
          livenessProbe:
            tcpSocket:
              port: http
          lifecycle:
            preStop:
              sleep:
                seconds: 10
          securityContext:
            allowPrivilegeEscalation: false
            privileged: false
            capabilities:
              drop: [ALL]
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            - name: settings
              mountPath: /etc/churn
              subPath: churn
      volumes:
        - name: tmp
          emptyDir:
            sizeLimit: 1Gi
        - name: settings
          configMap:
            name: settings
            items:
              - key: rules.json
                path: rules.json
---
apiVersion: v1
kind: Service
metadata:
  name: churn
spec:
  type: ClusterIP
  selector:
    app: churn
  ports:
    - name: http
      port: 80
      targetPort: http
    - name: metrics
      port: 9090
      targetPort: 9090
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: churn
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: churn
  minReplicas: 2
  maxReplicas: 5
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 70
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: churn
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      app: churn
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: churn
spec:
  ingressClassName: public
  rules:
    - host: churn.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: churn
                port:
                  name: http
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: churn
spec:
  podSelector:
    matchLabels:
      app: churn
  policyTypes: [Ingress]
  ingress:
    - from:
        - ipBlock:
            cidr: 10.0.0.0/8
      ports:
        - port: http
          protocol: TCP
---
apiVersion: batch/v1
kind: Job
metadata:
  name: warm
spec:
  completionMode: Indexed
  completions: 3
  backoffLimit: 2
  template:
    spec:
      restartPolicy: Never
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: warm
          image: example.com/warm@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
          resources:
            limits:
              nvidia.com/gpu: 1
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: "0 3 * * 1-5"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
            - name: nightly
              image: example.com/nightly@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
              securityContext: &strict
                allowPrivilegeEscalation: false
                runAsNonRoot: true
                seccompProfile: {type: RuntimeDefault}
                capabilities: {drop: [ALL]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: churn:reads
rules:
  - apiGroups: [""]
    resources: [configmaps]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: churn:reads
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: churn:reads
subjects:
  - kind: ServiceAccount
    name: churn
    namespace: models
"""


class Change(NamedTuple):
    """One place of RELEASE written otherwise.

    `old` stands there once. `said` is part of the message, `at` the text of the line that it names, if not the first
    line of `new`. `taken` says why a server takes it all the same.
    """

    old: str
    new: str
    said: str = ""
    at: str = ""
    taken: str = ""

    def text(self) -> str:
        """The set with the change."""
        assert RELEASE.count(self.old) == 1, f"{self.old!r} stands there {RELEASE.count(self.old)} times"
        return RELEASE.replace(self.old, self.new)

    def line(self) -> int:
        """The line, from 1, that a finding should name."""
        text = self.text()
        if not self.at:
            before = len(self.new) - len(self.new.lstrip())
            return text[: RELEASE.index(self.old) + before].count("\n") + 1
        assert text.count(self.at) == 1, f"{self.at!r} stands there {text.count(self.at)} times"
        return text[: text.index(self.at)].count("\n") + 1
