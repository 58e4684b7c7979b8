"""A small OpenID Connect provider on a loopback port, which logs in whomever a test says."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "pvc", "a-secret-between-the-two"


@dataclass
class Provider:
    """What it answers; a test changes it."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    other_key: rsa.RSAPrivateKey | None = None
    username: str = "alice"
    #: What the id token and what the user's information say otherwise.
    claims: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    asked: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The settings that lead here."""
        return {
            "OIDC_ISSUER": self.address,
            "OIDC_PROVIDER_NAME": "Example ID",
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET": SECRET,
            "OIDC_AUTHORIZATION_ENDPOINT": f"{self.address}/authorize",
            "OIDC_TOKEN_ENDPOINT": f"{self.address}/token",
            "OIDC_USERINFO_ENDPOINT": f"{self.address}/userinfo",
            "OIDC_JWKS_ENDPOINT": f"{self.address}/jwks",
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        self.asked = asked
        return asked["redirect_uri"] + "?" + urlencode({"code": "the-code", "state": asked["state"]})

    def token(self, sent: dict[str, str]) -> dict[str, Any]:
        """The answer to a code, if client, secret and PKCE's verifier are right."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=")
        assert (sent["client_id"], sent["client_secret"], sent["code"]) == (CLIENT, SECRET, "the-code")
        assert challenge.decode() == self.asked["code_challenge"]
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 60,
            "nonce": self.asked["nonce"],
            **self.claims,
        }
        signed = jwt.encode(claims, self.other_key or self.key, algorithm="RS256", headers={"kid": "1"})
        return {"id_token": signed, "access_token": "an-access-token", "token_type": "Bearer"}

    def userinfo(self) -> dict[str, Any]:
        return {"sub": "subject-1", "preferred_username": self.username, **self.said}

    def jwks(self) -> dict[str, Any]:
        numbers = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**numbers, "kid": "1", "alg": "RS256", "use": "sig"}]}


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider while the block lasts."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(asked))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._answer(provider.jwks() if parts.path == "/jwks" else provider.userinfo())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(provider.token({name: values[0] for name, values in parse_qs(body).items()}))

        def _answer(self, said: dict[str, Any]) -> None:
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — http.server's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
