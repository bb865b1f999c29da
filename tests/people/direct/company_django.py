"""A company's own Django site as the authorization server: django-oauth-toolkit with one person, a public client, a machine and the gateway's client.

    python company_django.py PORT FOLDER SIGNED      (MACHINE_SECRET and GATEWAY_SECRET in the environment)

Access tokens are opaque, as the toolkit makes them; those for a resource below SIGNED are JWTs, made by the function that its documentation leaves to the site.
`GET /control?do=rotate|forget|short|long` does what an administrator would do: a new key beside the old one, no old key, tokens of a second, of an hour.
"""

import os
import pathlib
import secrets
import sys
import time

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path
from oauthlib.oauth2.rfc6749.tokens import random_token_generator

PORT, FOLDER, SIGNED = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
ISSUER, CALLBACK, LONG = f"http://127.0.0.1:{PORT}/o", "http://127.0.0.1:33418/callback", 3600
LOGIN = '<form method="post">{% csrf_token %}{{ form.as_p }}<button type="submit">Log in</button></form>'


def new_key():
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def access_token(request, refresh_token=False):
    """A JWT of RFC 9068 for the resources that want one, and what the toolkit makes for every other."""
    from jwcrypto import jwt
    from oauth2_provider.settings import oauth2_settings
    from oauth2_provider.utils import jwk_from_pem

    if not (request.resource or "").startswith(f"{SIGNED}/"):
        return random_token_generator(request)
    key, now = jwk_from_pem(oauth2_settings.OIDC_RSA_PRIVATE_KEY), int(time.time())
    client = request.client.client_id
    claims = {"iss": ISSUER, "sub": str(request.user.pk) if request.user else client, "aud": request.resource, "client_id": client, "jti": secrets.token_hex(8),
              "scope": " ".join(request.scopes), "iat": now, "exp": now + request.expires_in}
    token = jwt.JWT(header={"alg": "RS256", "typ": "at+jwt", "kid": key.thumbprint()}, claims=claims)
    token.make_signed_token(key)
    return token.serialize()


def control(request):
    from oauth2_provider.settings import oauth2_settings

    what = request.GET["do"]
    if what == "rotate":
        oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE = [oauth2_settings.OIDC_RSA_PRIVATE_KEY]
        oauth2_settings.OIDC_RSA_PRIVATE_KEY = new_key()
    elif what == "forget":
        oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE = []
    elif what in ("short", "long"):
        oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS = 1 if what == "short" else LONG
    else:
        return HttpResponse("unknown", status=400)
    return HttpResponse("done")


settings.configure(
    SECRET_KEY=secrets.token_hex(32), ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, USE_TZ=True, LOGIN_URL="/login/", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "django.db", "OPTIONS": {"timeout": 20}}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "oauth2_provider"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [
        ("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN}), "django.template.loaders.app_directories.Loader"]}}],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True, "OIDC_ISS_ENDPOINT": ISSUER, "OIDC_RSA_PRIVATE_KEY": new_key(), "ACCESS_TOKEN_EXPIRE_SECONDS": LONG, "ALWAYS_RELOAD_OAUTHLIB_CORE": True,
        "DCR_ENABLED": True, "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
        "SCOPES": {"openid": "who you are", "mcp:read": "read the weather", "mcp:write": "change the weather"}, "DEFAULT_SCOPES": ["mcp:read"],
        "ACCESS_TOKEN_GENERATOR": f"{__name__}.access_token", "REFRESH_TOKEN_GENERATOR": "oauthlib.oauth2.rfc6749.tokens.random_token_generator"})
django.setup()

from django.contrib.auth.views import LoginView  # noqa: E402
from oauth2_provider.urls import metadata_urlpatterns  # noqa: E402

# The metadata of an issuer with a path is at the root (RFC 8414): the toolkit's documentation asks the site to mount it there, too.
urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")), path("login/", LoginView.as_view()), path("control", control), *metadata_urlpatterns]


def main():
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    User.objects.create_user("alice", password="wonderland-2026")
    make = Application.objects.create
    make(client_id="desktop", name="Desktop", client_type="public", authorization_grant_type="authorization-code", redirect_uris=CALLBACK, algorithm="RS256")
    for name in ("machine", "gateway"):
        make(client_id=name, name=name, client_type="confidential", authorization_grant_type="client-credentials", client_secret=os.environ[f"{name.upper()}_SECRET"])
    call_command("runserver", f"127.0.0.1:{PORT}", use_reloader=False)


if __name__ == "__main__":
    main()
