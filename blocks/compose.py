"""What a release works with, put together from settings, ledger and candidate.

Flows and the command line compose here, so both deploy alike. Nothing is contacted before it is
used: a rollback asks neither the registry nor the Prefect server.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import SecretStr

from blocks.evidence import build_time, supply_evidence
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials, Transport
from blocks.secrets.chosen import open_store
from slipway.access import FORMAT_CHECKED, access_body
from slipway.admission import Admission
from slipway.analysis_hosts import parse_hosts, refuse_unlisted
from slipway.appfile import Environment
from slipway.audit import hold_to_checkpoint
from slipway.bundles import Bundles, ReadsManifests, refuse_unread
from slipway.candidate import Candidate, environment_of, read_candidate
from slipway.candidate_spec import release_spec
from slipway.checkpoint import Witness
from slipway.claim import open_claim
from slipway.directory_store import DirectoryStore
from slipway.dsse import deployer_keys
from slipway.engine import Engine
from slipway.errors import BadInput, ImageMissing, Refused, Unreachable
from slipway.execution import Perform, Tools, directly
from slipway.gatekeeper import Gatekeeper
from slipway.history import good_releases, serving_release
from slipway.interruption import Interruption
from slipway.journal import Observer, no_observer
from slipway.ledger import Kind, Ledger, LedgerStore, Record
from slipway.names import parse_reference
from slipway.opening import Admitted, Order
from slipway.plan import Plan
from slipway.platform import HasNamespaces, Platform, Stage
from slipway.receipt import ReceiptDemand, Receipts
from slipway.release import ReleaseSpec, Target, parse_spec
from slipway.secret import SecretSource, SecretStore
from slipway.secret_formats import check_formats, unserved
from slipway.settings import RuntimeSettings

DOCKER = "docker"
KUBERNETES = "kubernetes"


def _silent(line: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True)
class Door:
    """How a caller takes part: runs steps, hears notes, sees boundaries, may stop a release."""

    perform: Perform = directly
    note: Callable[[str], None] = _silent
    observer: Observer = no_observer
    interruption: Interruption = field(default_factory=Interruption)


@dataclass(frozen=True)
class Installation:
    """One installation of Slipway: its settings and the ledger they lead to.

    Attributes:
        platforms: opens the platform that a specification or an app file names.
    """

    settings: RuntimeSettings = field(default_factory=RuntimeSettings)
    platforms: Callable[[RuntimeSettings, str], Platform] = field(
        default_factory=lambda: open_platform
    )

    @cached_property
    def store(self) -> LedgerStore:
        """Where the chains are."""
        return DirectoryStore(self.settings.ledger_folder)

    def ledger(self, target: Target) -> Ledger:
        """One target's chain."""
        return Ledger(self.store, target, self.settings.actor)

    def registry(self, host: str) -> Registry:
        """The registry of a candidate, with the runtime tier's login.

        Raises:
            Refused: not this installation's registry.
        """
        login = self.settings.login_for(host)
        return Registry(Transport(host, Credentials(*login) if login else None))

    def candidate(self, reference: str) -> Candidate:
        """A candidate, held to its digest.

        Raises:
            BadInput: no reference by digest, or no candidate.
            Refused: the registry does not hold it. Tampered, Unreachable: the registry's answer.
        """
        wanted = parse_reference(reference)
        registry = self.registry(wanted.registry)
        try:
            manifest = registry.manifest(wanted.path, wanted.digest)
            return read_candidate(
                wanted, manifest.content, lambda digest: registry.blob(wanted.path, digest)
            )
        except ImageMissing as error:
            raise Refused(
                "the registry does not hold that candidate, or not all of it",
                found=error.found,
                allowed="what `integrate` handed over",
                next_step="run integrate again, or correct the digest; nothing was changed",
                cause=error.cause,
            ) from error
        finally:
            registry.close()

    def build_time(self, reference: str) -> str | None:
        """When a candidate's signed build began; None where nothing trusted says so any more.

        Raises:
            Unreachable: the registry or the trusted keys cannot be read.
        """
        try:
            return build_time(self.candidate(reference), self.registry, self.settings)
        except (Refused, BadInput):
            return None

    def secrets(self, target: Target) -> SecretStore:
        """Where the target's runtime secrets live, as SLIPWAY_SECRETS chooses.

        Raises:
            BadInput: SLIPWAY_SECRETS says something else, or names a block that is not there.
            Unreachable: the Prefect server did not answer for that block.
        """
        return open_store(self.settings.secrets, target)

    def tools(
        self, target: Target, platform: str, door: Door, namespace: str | None = None
    ) -> Tools:
        """What the engine works with on that target."""
        return Tools(
            platform=self.platform(platform, namespace),
            ledger=self.ledger(target),
            secrets=LateSecrets(self, target),
            perform=door.perform,
            observer=door.observer,
            note=door.note,
            receipt=Receipts(self.ledger(target), self.settings.receipt_key),
            after_close=self.witness(target, door),
            interruption=door.interruption,
        )

    def observed(self, target: Target) -> str | None:
        """Id of the specification that serves, as the target itself says."""
        records = self.ledger(target).records()
        platform = self.platform(platform_of(records), namespace_of(records))
        return platform.observe(target).serving

    def platform(self, name: str, namespace: str | None = None) -> Platform:
        """The platform of that name; one that applies manifests finds them beside the ledger.

        Args:
            namespace: of the target, on a cluster.

        Raises:
            BadInput: there is none. Unreachable: its engine does not answer.
        """
        platform = self.platforms(self.settings, name)
        if namespace and isinstance(platform, HasNamespaces):
            platform = platform.within(namespace)
        if isinstance(platform, ReadsManifests):
            return platform.reading(Bundles(self.store))
        return platform

    def witness(self, target: Target, door: Door) -> Witness:
        """Writes a signed checkpoint, elsewhere, of each claim that was closed."""
        elsewhere = DirectoryStore(self.settings.checkpoint_folder)
        return Witness(target, elsewhere, self.settings.receipt_key, door.note)

    def receipt_keys(self) -> list[Ed25519PublicKey]:
        """Public keys of the deployers whose receipts count: our own, and those trusted beside."""
        return deployer_keys(self.settings.receipt_key, self.settings.state)

    def engine(self, target: Target, door: Door | None = None) -> Engine:
        """An engine to roll back, drill and recover: all it needs is in the ledger."""
        records = self.ledger(target).records()
        platform, namespace = platform_of(records), namespace_of(records)
        return Engine(self.tools(target, platform, door or Door(), namespace))

    def release(
        self, candidate: Candidate, environment: str, requested_by: str, door: Door | None = None
    ) -> "Release":
        """A candidate on its way into an environment.

        Raises:
            BadInput: no such environment. SecretMissing, Unreachable: its secrets.
        """
        place = environment_of(candidate.appfile, environment)
        target = Target(app=candidate.app, environment=environment)
        return Release(self, candidate, target, place, requested_by, door or Door())


@dataclass(frozen=True)
class LateSecrets:
    """Opens the secret source at the first read: a step that reuses a version needs none."""

    installation: Installation
    target: Target

    @cached_property
    def source(self) -> SecretSource:
        """Opened once for all reads of one release."""
        return self.installation.secrets(self.target)

    def __call__(self, name: str, version: str) -> SecretStr:
        """See SecretReader."""
        return self.source.read(name, version)


@dataclass(frozen=True)
class Release:
    """One candidate, one environment: its engine and its order."""

    installation: Installation
    candidate: Candidate
    target: Target
    place: Environment
    requested_by: str
    door: Door

    @cached_property
    def ledger(self) -> Ledger:
        """The target's chain."""
        return self.installation.ledger(self.target)

    @property
    def gatekeeper(self) -> Gatekeeper:
        """The environment's gate; it waits on the ledger."""
        return Gatekeeper(
            ledger=self.ledger,
            signers=self.installation.settings.allowed_signers_file,
            gate=self.place.gate,
            requested_by=self.requested_by,
            author=self.candidate.source.author or None,
            note=self.door.note,
        )

    def engine(self, gate: Callable[[Plan], Awaitable[list[int]]] | None = None) -> Engine:
        """The engine with this environment's admission, and its gate or another one."""
        tools = self.installation.tools(
            self.target, self.place.platform, self.door, self.place.namespace
        )
        demand = ReceiptDemand(self.installation.store, self.installation.receipt_keys)
        built = self.installation.build_time
        admission = Admission(self.ledger, self.place.after, self._supply, demand, built)
        return Engine(tools, admit=admission, gate=gate or self.gatekeeper)

    def order(
        self, *, key: str | None = None, again: bool = False, allow_downgrade: bool = False
    ) -> Order:
        """What is asked of the engine, with the versions of the secrets as they are now.

        Raises:
            Refused: an analysis would ask a server that SLIPWAY_ANALYSIS_HOSTS does not name.
            SecretMissing, Unreachable: its secrets.
        """
        names = list(self.candidate.appfile.secrets)
        versions = secret_versions(
            self.installation.secrets(self.target), names, self.ledger.records(), self.door.note
        )
        spec = release_spec(self.candidate, self.target.environment, versions)
        refuse_unlisted(spec.analysis, parse_hosts(self.installation.settings.analysis_hosts))
        if bundle := self.candidate.bundle(self.target.environment):
            name = self.place.platform
            refuse_unread(self.installation.platform(name), name, spec)
            Bundles(self.installation.store).keep(spec, bundle)
        return Order(
            candidate=str(self.candidate.reference),
            spec=spec,
            requested_by=self.requested_by,
            key=key,
            again=again,
            allow_downgrade=allow_downgrade,
        )

    def _supply(self, order: Order) -> Admitted:
        installation = self.installation
        elsewhere = DirectoryStore(installation.settings.checkpoint_folder)
        held = hold_to_checkpoint(self.ledger, elsewhere, installation.receipt_keys())
        today = self.ledger.clock().date()
        settings = installation.settings
        evidence = supply_evidence(self.candidate, installation.registry, settings, today)
        facts = [*held, *evidence.facts, *self._formats(order)]
        return Admitted(facts=tuple(facts), built=evidence.began)

    def _formats(self, order: Order) -> list[str]:
        release = serving_release(self.ledger.records())
        schemas, serving = self.candidate.appfile.secrets, release.spec.secrets if release else {}
        if new := unserved(schemas, order.spec.secrets, serving):
            stage, who = str(Stage.ADMIT), order.requested_by
            body = access_body(FORMAT_CHECKED, stage, order.candidate, who, new)
            self.ledger.append(Kind.ACCESS, body)
        read = LateSecrets(self.installation, self.target)
        return check_formats(schemas, order.spec.secrets, serving, read)


def secret_versions(
    source: SecretSource, names: list[str], records: list[Record], note: Callable[[str], None]
) -> dict[str, str]:
    """The newest version of each name; where the source is unreachable, those that serve.

    Raises:
        Unreachable: the source does not answer and nothing that serves has all these names.
        SecretMissing: the source answers and lacks one.
    """
    if not names:
        return {}
    try:
        return source.versions(names)
    except Unreachable as error:
        serving = serving_release(records)
        known = serving.spec.secrets if serving else {}
        if not set(names) <= set(known):
            raise
        note(
            f"the secret source is unreachable; the versions that serve are used ({error.message})"
        )
        return {name: known[name] for name in names}


def platform_of(records: list[Record]) -> str:
    """The platform that the newest claim or release names; `docker` where the chain is empty."""
    spec = _newest(records)
    return spec.platform if spec else DOCKER


def namespace_of(records: list[Record]) -> str | None:
    """The namespace that the newest claim or release names; None on other platforms."""
    spec = _newest(records)
    return spec.kubernetes.namespace if spec and spec.kubernetes else None


def _newest(records: list[Record]) -> ReleaseSpec | None:
    if claim := open_claim(records):
        return parse_spec(claim.body["spec"])
    good = good_releases(records)
    return good[-1].spec if good else None


def open_platform(settings: RuntimeSettings, name: str) -> Platform:
    """The platform of that name.

    Raises:
        BadInput: there is none.
        Unreachable: its engine does not answer.
    """
    if name == KUBERNETES:
        return _kubernetes(settings)
    from blocks.platforms.docker import DockerPlatform

    if name == DOCKER:
        login = settings.registry_login()
        username, password = login or (None, None)
        return DockerPlatform(
            host=settings.docker_host, registry_username=username, registry_password=password
        )
    from blocks.platforms.saved import load_platform

    return load_platform(name)


def _kubernetes(settings: RuntimeSettings) -> Platform:
    from blocks.platforms.kubernetes import KubernetesPlatform
    from blocks.platforms.kubernetes_access import by_settings
    from blocks.platforms.kubernetes_images import in_registry

    access = by_settings(settings.kubeconfig, settings.kube_context)
    return KubernetesPlatform(
        access, image=in_registry(settings.registry_login_of), helm=settings.helm
    )
