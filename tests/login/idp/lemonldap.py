"""LemonLDAP::NG as the company's IdP: Debian's packages, unpacked into a folder, so that nothing of the machine changes.

`install` fetches and unpacks, `start` writes a configuration and runs the portal, `People` changes its accounts while it runs.
The accounts are those of its demonstration backend (`dwho` and `rtyler`, each with the name as password), read from people.json
before each request, so that a change counts at once, as one in a directory does.
"""

import glob
import json
import os
import shutil
import subprocess

PACKAGES = ["liblemonldap-ng-portal-perl", "lemonldap-ng-fastcgi-server", "libplack-perl", "libstring-random-perl", "libmime-tools-perl",
            "libemail-sender-perl", "libcrypt-openssl-rsa-perl", "libcrypt-openssl-x509-perl", "libio-string-perl", "libclone-perl"]

INI = """[all]
logger = Lemonldap::NG::Common::Logger::Std
userLogger = Lemonldap::NG::Common::Logger::Std
logLevel = info
[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'c', 'default_expires_in' => 600, 'directory_umask' => '007', 'cache_root' => '{folder}/cache', 'cache_depth' => 3 }}
[portal]
staticPrefix = /static
templateDir = {root}/usr/share/lemonldap-ng/portal/templates
languages = en
"""

# The captcha of the product needs a graphics library.
NO_CAPTCHA = """package NoCaptcha;
use Mouse;
extends 'Lemonldap::NG::Portal::Main::Plugin';
sub init { 1 }
sub init_captcha { }
sub check_captcha { 1 }
1;
"""

PORTAL = """use JSON;
use Lemonldap::NG::Portal::Main;
use Lemonldap::NG::Portal::UserDB::Demo;
my $portal = Lemonldap::NG::Portal::Main->run({});
sub {
    open my $file, '<', '@FOLDER@/people.json' or die "people.json: $!";
    my $people = decode_json(do { local $/; <$file> });
    %Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = %{ $people->{accounts} };
    %Lemonldap::NG::Portal::UserDB::Demo::demoGroups   = %{ $people->{groups} };
    $portal->(@_);
};
"""


def install(parts, folder):
    """Unpacks the packages and what they need into `folder`. As root on Debian or Ubuntu."""
    shutil.rmtree(folder, ignore_errors=True)
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True)
    if not shutil.which("apt-get") or os.geteuid() != 0:
        parts.fail("LemonLDAP::NG comes from Debian's packages: run as root on Debian or Ubuntu, or play the other parts with --only")
    fetch = ["apt-get", "install", "-d", "-y", "-q", "--no-install-recommends", "-o", f"Dir::Cache::archives={archives}", *PACKAGES]
    if subprocess.run(fetch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        parts.command("apt-get update", "apt-get", "update", "-qq")
        parts.command("apt-get install -d", *fetch)
    for package in sorted(archives.glob("*.deb")):
        parts.command("dpkg-deb", "dpkg-deb", "-x", package, folder / "root")
    shutil.rmtree(archives)


class People:
    """The accounts and groups of the company."""

    def __init__(self, folder):
        self.file = folder / "people.json"
        self.restore()

    def restore(self):
        self.accounts = {"dwho": {"uid": "dwho", "cn": "Doctor Who", "mail": "dwho@badwolf.example"},
                         "rtyler": {"uid": "rtyler", "cn": "Rose Tyler", "mail": "rtyler@badwolf.example"}}
        self.groups = {"eng": ["dwho"], "users": ["dwho", "rtyler"]}
        self.write()

    def write(self):
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps({"accounts": self.accounts, "groups": self.groups}))
        new.replace(self.file)

    def leave(self, group, name):
        self.groups[group].remove(name)
        self.write()

    def delete(self, name):
        del self.accounts[name]
        for members in self.groups.values():
            if name in members:
                members.remove(name)
        self.write()


def configure(parts, installed, folder, port, callbacks):
    """Writes the portal's configuration with the relying parties `offline` and `online`; returns the command and its environment."""
    root = installed / "root"
    for name in ("conf", "sessions/lock", "psessions/lock", "cache", "notifications", "stub"):
        (folder / name).mkdir(parents=True)
    parts.command("openssl", "openssl", "genrsa", "-out", folder / "sign.key", "2048")
    public = parts.command("openssl", "openssl", "rsa", "-in", folder / "sign.key", "-pubout")
    conf = json.loads((root / "var/lib/lemonldap-ng/conf/lmConf-1.json").read_text())
    of = "oidcRPMetaDataOptions"
    # An offline refresh token, as OpenID Connect Core §11 gives it, or one that ends with the user's session at the portal.
    parties = {"offline": {f"{of}AllowOffline": 1}, "online": {f"{of}RefreshToken": 1}}
    conf.update({
        "portal": f"http://127.0.0.1:{port}/", "domain": "127.0.0.1", "securedCookie": 0, "captcha": "NoCaptcha",
        "portalDisplayRegister": 0, "portalDisplayResetPassword": 0, "locationRules": {"127.0.0.1": {"default": "accept"}},
        "globalStorageOptions": {"Directory": f"{folder}/sessions", "LockDirectory": f"{folder}/sessions/lock",
                                 "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"},
        "persistentStorageOptions": {"Directory": f"{folder}/psessions", "LockDirectory": f"{folder}/psessions/lock"},
        "localSessionStorageOptions": {"cache_depth": 3, "cache_root": f"{folder}/cache", "default_expires_in": 600, "directory_umask": "007", "namespace": "s"},
        "notificationStorageOptions": {"dirName": f"{folder}/notifications"},
        "issuerDBOpenIDConnectActivation": 1, "oidcServiceAllowAuthorizationCodeFlow": 1,
        "oidcServicePrivateKeySig": (folder / "sign.key").read_text(), "oidcServicePublicKeySig": public, "oidcServiceKeyIdSig": "k1",
        of: {name: {f"{of}ClientID": name, f"{of}ClientSecret": "idp-secret", f"{of}RedirectUris": callbacks[name], f"{of}IDTokenSignAlg": "RS256",
                    f"{of}BypassConsent": 1, f"{of}IDTokenForceClaims": 1, **more} for name, more in parties.items()},
        "oidcRPMetaDataExportedVars": {name: {"email": "mail", "name": "cn", "preferred_username": "uid", "groups": "groups;string;always"} for name in parties},
        f"{of}ExtraClaims": {name: {"groups": "groups"} for name in parties}})
    (folder / "conf/lmConf-1.json").write_text(json.dumps(conf, indent=1))
    (folder / "lemonldap-ng.ini").write_text(INI.format(folder=folder, root=root))
    (folder / "stub/NoCaptcha.pm").write_text(NO_CAPTCHA)
    (folder / "portal.psgi").write_text(PORTAL.replace("@FOLDER@", str(folder)))
    libraries = [folder / "stub", root / "usr/share/perl5", *glob.glob(f"{root}/usr/lib/*/perl5/*")]
    command = ["perl", root / "usr/bin/plackup", "-E", "deployment", "-s", "HTTP::Server::PSGI", "--host", "127.0.0.1", "--port", port, folder / "portal.psgi"]
    return command, {**os.environ, "PERL5LIB": os.pathsep.join(map(str, libraries)), "LLNG_DEFAULTCONFFILE": str(folder / "lemonldap-ng.ini")}
