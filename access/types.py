"""The actor: who does something, with which rights, from where."""

from dataclasses import dataclass, field

from access.enums import ActorKind


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts. Services take it, record it, and never look at a request.

    `client_id` and `ib_id` say whose own things a portal actor may see."""

    kind: str  # an ActorKind
    user_id: int | None
    label: str
    rights: frozenset[str] = field(default_factory=frozenset)
    client_id: int | None = None
    ib_id: int | None = None
    ip: str | None = None
    request_id: str = ""

    @classmethod
    def system(cls, label: str) -> "Actor":
        """Return the actor of a job, an import or a command: it holds every right."""
        return cls(kind=ActorKind.SYSTEM, user_id=None, label=label)

    def has(self, right: str) -> bool:
        return self.kind == ActorKind.SYSTEM or right in self.rights

    @property
    def is_staff(self) -> bool:
        return self.kind == ActorKind.STAFF

    @property
    def sees_all(self) -> bool:
        """Whether rows need no narrowing to the actor's own ones once the right is there."""
        return self.kind in {ActorKind.STAFF, ActorKind.SYSTEM}
