"""What Kubernetes' servers refuse in single values though its definitions allow it.

By definition and field; with an empty field it holds for the mapping itself. So it holds wherever the definition is
used: in init containers and CronJobs as in Deployments, in labels of templates as in those of objects.
"""

from __future__ import annotations

from typing import NamedTuple

from model_devops.manifests import syntax
from model_devops.manifests.syntax import Limit, between

#: Fields that every definition but Kubernetes' own documents calls optional.
REQUIRED: dict[str, tuple[str, ...]] = {
    "core.v1.Container": ("image",),
    "core.v1.ConfigMapKeySelector": ("name",),
    "core.v1.SecretKeySelector": ("name",),
    "core.v1.ConfigMapEnvSource": ("name",),
    "core.v1.SecretEnvSource": ("name",),
}

_FROM_0, _FROM_1, _PORT = between(0), between(1), between(1, 65535)
_ID = between(0, 2**31 - 1)
_SOURCES = ("configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef")
_HANDLERS = ("exec", "httpGet", "tcpSocket")

LIMITS: dict[tuple[str, str], Limit] = {
    ("core.v1.Container", "name"): syntax.label,
    ("core.v1.Container", "image"): syntax.given,
    ("core.v1.EphemeralContainer", "name"): syntax.label,
    ("core.v1.ContainerPort", "containerPort"): _PORT,
    ("core.v1.ContainerPort", "hostPort"): between(0, 65535),
    ("core.v1.ContainerPort", "name"): syntax.port_name,
    ("core.v1.EnvVar", "name"): syntax.variable,
    ("core.v1.EnvVarSource", ""): syntax.one_of(*_SOURCES),
    ("core.v1.EnvFromSource", ""): syntax.one_of("configMapRef", "secretRef"),
    ("core.v1.Probe", ""): syntax.one_of(*_HANDLERS, "grpc"),
    ("core.v1.Probe", "initialDelaySeconds"): _FROM_0,
    ("core.v1.Probe", "timeoutSeconds"): _FROM_1,
    ("core.v1.Probe", "periodSeconds"): _FROM_1,
    ("core.v1.Probe", "successThreshold"): _FROM_1,
    ("core.v1.Probe", "failureThreshold"): _FROM_1,
    ("core.v1.Probe", "terminationGracePeriodSeconds"): _FROM_1,
    ("core.v1.LifecycleHandler", ""): syntax.one_of(*_HANDLERS, "sleep"),
    ("core.v1.SleepAction", "seconds"): _FROM_1,
    ("core.v1.HTTPGetAction", "port"): syntax.port,
    ("core.v1.TCPSocketAction", "port"): syntax.port,
    ("core.v1.GRPCAction", "port"): _PORT,
    ("core.v1.Volume", ""): syntax.at_most_one("name"),
    ("core.v1.Volume", "name"): syntax.label,
    ("core.v1.VolumeMount", "mountPath"): syntax.mount_path,
    ("core.v1.VolumeMount", "subPath"): syntax.descending,
    ("core.v1.EmptyDirVolumeSource", "sizeLimit"): syntax.not_negative,
    ("core.v1.PodSpec", "terminationGracePeriodSeconds"): _FROM_0,
    ("core.v1.PodSpec", "activeDeadlineSeconds"): _FROM_1,
    ("core.v1.PodSpec", "serviceAccountName"): syntax.subdomain,
    ("core.v1.PodSpec", "hostname"): syntax.label,
    ("core.v1.PodSecurityContext", "runAsUser"): _ID,
    ("core.v1.PodSecurityContext", "runAsGroup"): _ID,
    ("core.v1.PodSecurityContext", "fsGroup"): _ID,
    ("core.v1.SecurityContext", "runAsUser"): _ID,
    ("core.v1.SecurityContext", "runAsGroup"): _ID,
    ("core.v1.ServicePort", "port"): _PORT,
    ("core.v1.ServicePort", "name"): syntax.label,
    ("core.v1.ServicePort", "targetPort"): syntax.port,
    ("core.v1.ServicePort", "nodePort"): between(0, 65535),
    ("core.v1.PersistentVolumeClaimSpec", "storageClassName"): lambda value: syntax.subdomain(value) if value else None,
    ("apps.v1.DeploymentSpec", "replicas"): _FROM_0,
    ("apps.v1.DeploymentSpec", "minReadySeconds"): _FROM_0,
    ("apps.v1.DeploymentSpec", "progressDeadlineSeconds"): _FROM_0,
    ("apps.v1.DeploymentSpec", "revisionHistoryLimit"): _FROM_0,
    ("apps.v1.RollingUpdateDeployment", "maxSurge"): syntax.count,
    ("apps.v1.RollingUpdateDeployment", "maxUnavailable"): syntax.share,
    ("apps.v1.ReplicaSetSpec", "replicas"): _FROM_0,
    ("apps.v1.ReplicaSetSpec", "minReadySeconds"): _FROM_0,
    ("apps.v1.StatefulSetSpec", "replicas"): _FROM_0,
    ("apps.v1.StatefulSetSpec", "minReadySeconds"): _FROM_0,
    ("apps.v1.StatefulSetSpec", "revisionHistoryLimit"): _FROM_0,
    ("apps.v1.DaemonSetSpec", "minReadySeconds"): _FROM_0,
    ("apps.v1.DaemonSetSpec", "revisionHistoryLimit"): _FROM_0,
    ("apps.v1.RollingUpdateDaemonSet", "maxSurge"): syntax.share,
    ("apps.v1.RollingUpdateDaemonSet", "maxUnavailable"): syntax.share,
    ("autoscaling.v2.HorizontalPodAutoscalerSpec", "maxReplicas"): _FROM_1,
    ("autoscaling.v2.HorizontalPodAutoscalerSpec", "minReplicas"): _FROM_1,
    ("autoscaling.v2.HPAScalingRules", "stabilizationWindowSeconds"): between(0, 3600),
    ("autoscaling.v2.HPAScalingPolicy", "value"): _FROM_1,
    ("autoscaling.v2.HPAScalingPolicy", "periodSeconds"): between(1, 1800),
    ("autoscaling.v2.MetricTarget", "averageUtilization"): _FROM_1,
    ("autoscaling.v2.MetricTarget", "averageValue"): syntax.positive,
    ("autoscaling.v2.MetricTarget", "value"): syntax.positive,
    ("autoscaling.v1.HorizontalPodAutoscalerSpec", "maxReplicas"): _FROM_1,
    ("autoscaling.v1.HorizontalPodAutoscalerSpec", "minReplicas"): _FROM_1,
    ("policy.v1.PodDisruptionBudgetSpec", "minAvailable"): syntax.share,
    ("policy.v1.PodDisruptionBudgetSpec", "maxUnavailable"): syntax.share,
    ("batch.v1.JobSpec", "parallelism"): _FROM_0,
    ("batch.v1.JobSpec", "completions"): _FROM_0,
    ("batch.v1.JobSpec", "backoffLimit"): _FROM_0,
    ("batch.v1.JobSpec", "activeDeadlineSeconds"): _FROM_0,
    ("batch.v1.JobSpec", "ttlSecondsAfterFinished"): _FROM_0,
    ("batch.v1.CronJobSpec", "schedule"): syntax.schedule,
    ("batch.v1.CronJobSpec", "startingDeadlineSeconds"): _FROM_0,
    ("batch.v1.CronJobSpec", "successfulJobsHistoryLimit"): _FROM_0,
    ("batch.v1.CronJobSpec", "failedJobsHistoryLimit"): _FROM_0,
    ("networking.v1.IngressBackend", ""): syntax.one_of("service", "resource"),
    ("networking.v1.ServiceBackendPort", ""): syntax.one_of("name", "number"),
    ("networking.v1.ServiceBackendPort", "number"): _PORT,
    ("networking.v1.ServiceBackendPort", "name"): syntax.port_name,
    ("networking.v1.IngressServiceBackend", "name"): syntax.label,
    ("networking.v1.NetworkPolicyPort", "port"): syntax.port,
    ("networking.v1.NetworkPolicyPort", "endPort"): _PORT,
    ("coordination.v1.LeaseSpec", "leaseDurationSeconds"): _FROM_1,
    ("coordination.v1.LeaseSpec", "holderIdentity"): syntax.given,
}


class Pairs(NamedTuple):
    """Limits of a mapping whose keys are free."""

    keys: Limit | None = None
    values: Limit | None = None


_LABELS = Pairs(syntax.qualified, syntax.label_value)
_RESOURCES = Pairs(syntax.qualified, syntax.not_negative)

PAIRS: dict[tuple[str, str], Pairs] = {
    ("ObjectMeta", "labels"): _LABELS,
    ("ObjectMeta", "annotations"): Pairs(lambda key: syntax.qualified(key.lower())),
    ("LabelSelector", "matchLabels"): _LABELS,
    ("core.v1.PodSpec", "nodeSelector"): _LABELS,
    ("core.v1.ServiceSpec", "selector"): _LABELS,
    ("core.v1.ResourceRequirements", "limits"): _RESOURCES,
    ("core.v1.ResourceRequirements", "requests"): _RESOURCES,
    ("core.v1.VolumeResourceRequirements", "requests"): Pairs(syntax.qualified, syntax.positive),
    ("core.v1.ConfigMap", "data"): Pairs(syntax.config_key),
    ("core.v1.ConfigMap", "binaryData"): Pairs(syntax.config_key),
    ("core.v1.Secret", "data"): Pairs(syntax.config_key),
    ("core.v1.Secret", "stringData"): Pairs(syntax.config_key),
}


def short(definition: str) -> str:
    """A definition's name as it is written here: `core.v1.Container`, `ObjectMeta`."""
    for start in ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.meta.v1."):
        definition = definition.removeprefix(start)
    return definition
