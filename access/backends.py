"""Find the user of a session. Passwords are checked by `services.sign_in` only, so nothing guesses past its limits."""

from access.models import User


class SessionBackend:
    """The only authentication backend: sessions, no `authenticate`."""

    def get_user(self, user_id: int) -> User | None:
        """Return the user of an open session, or None once it may not sign in any more."""
        return User.objects.filter(pk=user_id, is_active=True).first()
