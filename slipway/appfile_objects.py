"""What an environment may ask of generated Kubernetes objects; a release holds the same."""

from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from slipway.appfile_fields import Argv, HostName, ObjectName, Section, UrlPath
from slipway.names import Name
from slipway.quantities import Duration

ServiceType: TypeAlias = Literal["ClusterIP", "NodePort", "LoadBalancer"]
MOST_PODS = 64


class Autoscale(Section):
    """How many pods each image has, by a HorizontalPodAutoscaler."""

    min: Annotated[int, Field(ge=1, le=MOST_PODS)] = 2
    """Fewest pods of each image."""
    max: Annotated[int, Field(ge=1, le=MOST_PODS)] = 10
    """Most pods of each image."""
    cpu: Annotated[int, Field(ge=1, le=100)] = 80
    """Average use that it keeps to, in percent of the cores of `resources.cpus`."""


class Ingress(Section):
    """The way in from outside the cluster, by the controller that runs there."""

    host: HostName
    """Name that users ask for, as in shop.example.org."""
    class_name: ObjectName | None = None
    """Class of the controller, as in nginx; the cluster's default one where left out."""
    path: UrlPath = "/"
    """Everything below it goes to the front image."""
    tls_secret: ObjectName | None = None
    """Secret in the namespace with `tls.crt` and `tls.key`; it must be there before a release."""


class Gateway(Section):
    """The way in from outside the cluster by the Gateway API, as an HTTPRoute of the release."""

    name: ObjectName
    """Gateway that takes the route; whoever runs the cluster keeps it."""
    namespace: ObjectName | None = None
    """Namespace of the Gateway, whose listener must take routes from here; by default this one."""
    listener: ObjectName | None = None
    """The one of its listeners that is meant; every one that fits where left out."""
    host: HostName
    """Name that users ask for, as in shop.example.org."""
    path: UrlPath = "/"
    """Everything below it goes to the front image."""


class Smoke(Section):
    """A Job that asks the release questions of your own, once it has traffic."""

    image: Name | None = None
    """The image that runs it, with its config and secrets; the front one by default."""
    command: Argv
    """What it runs, without the image's entrypoint; any exit code but 0 fails the release."""
    deadline: Duration = timedelta(minutes=1)
    """Time that it has, pulling the image included."""
