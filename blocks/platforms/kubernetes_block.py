"""A cluster as operators save it: prefect-kubernetes' credentials, and how releases use them."""

from prefect.blocks.core import Block
from prefect_aws import AwsCredentials
from prefect_kubernetes.credentials import KubernetesCredentials
from pydantic import Field, SecretStr

from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_access import Access, by_content, by_settings
from blocks.platforms.kubernetes_eks import by_iam
from blocks.platforms.kubernetes_images import in_registry
from slipway.errors import BadInput


class KubernetesCluster(Block):
    """A Kubernetes cluster that runs apps, one namespace for each environment."""

    _block_type_name = "Slipway Kubernetes platform"
    _block_type_slug = "slipway-kubernetes-platform"
    _description = (
        "Runs releases on a Kubernetes cluster, by server-side apply and watched rollouts."
    )

    credentials: KubernetesCredentials | None = Field(
        default=None,
        title="Credentials",
        description="Cluster to reach; the worker's own service account or kubeconfig where empty.",
    )
    eks_cluster: str | None = Field(
        default=None,
        title="EKS cluster",
        description="EKS cluster that is reached by IAM instead of the credentials above.",
        examples=["prod"],
    )
    aws: AwsCredentials | None = Field(
        default=None,
        title="AWS credentials",
        description="Who signs in to EKS; the worker's own role where empty.",
    )
    region: str | None = Field(
        default=None,
        title="Region",
        description="AWS region of the EKS cluster.",
        examples=["eu-west-2"],
    )
    registry: str | None = Field(
        default=None,
        title="Registry",
        description="Host and port of the registry that the login below belongs to.",
        examples=["registry.example.com"],
    )
    registry_username: str | None = Field(
        default=None,
        title="Registry user",
        description="User that may pull, to prove that images are there; nodes use their own.",
        examples=["deploy"],
    )
    registry_password: SecretStr | None = Field(
        default=None,
        title="Registry password",
        description="Password of that user.",
    )

    def platform(self) -> KubernetesPlatform:
        """The platform that this block describes."""
        return KubernetesPlatform(self._access(), image=in_registry(self._login))

    def _access(self) -> Access:
        if self.eks_cluster:
            return self._eks(self.eks_cluster)
        cluster = self.credentials.cluster_config if self.credentials else None
        if cluster is None:
            return by_settings(None, None)
        return by_content(cluster.config, cluster.context_name)

    def _eks(self, cluster: str) -> Access:
        credentials = self.aws or AwsCredentials()
        region = self.region or credentials.region_name
        if not region:
            raise BadInput(
                f"no AWS region is known for EKS cluster {cluster}",
                next_step="set the region of the platform block",
            )
        return by_iam(credentials.get_boto3_session, region, cluster)

    def _login(self, host: str) -> tuple[str, SecretStr] | None:
        if host != self.registry or not self.registry_username or not self.registry_password:
            return None
        return self.registry_username, self.registry_password
