"""A signed-in person without a browser: keeps cookies, calls 127.0.0.1 with the broker's host name."""

import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class SignInFailed(RuntimeError):
    """The sign-in page did not let the person in."""


class Person:
    """One person at one broker's web address."""

    def __init__(self, *, port: int, host: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._host = f"{host}:{port}"
        self._cookies: dict[str, str] = {}

    def sign_in(self, *, email: str, password: str) -> None:
        """Sign in through the form.

        :raises SignInFailed: the form came back."""
        _status, page = self.get("/sign-in/")
        token = _TOKEN.search(page)
        if token is None:
            raise SignInFailed("the sign-in page has no form")
        fields = {"csrfmiddlewaretoken": token[1], "email": email, "password": password}
        status, _page = self._request("POST", "/sign-in/", urlencode(fields))
        if status not in {302, 303}:
            raise SignInFailed(f"{email} was not let in (status {status})")

    def get(self, path: str) -> tuple[int, str]:
        """Return (status, page)."""
        return self._request("GET", path, None)

    def _request(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        headers = {"Host": self._host, "Origin": f"http://{self._host}", "Accept-Language": "en"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body=body, headers=headers)
        answer = self._connection.getresponse()
        page = answer.read().decode(errors="replace")
        for line in answer.headers.get_all("Set-Cookie") or []:
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return answer.status, page
