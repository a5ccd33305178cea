"""The rules about passwords (Keystone's security compliance) and the renewal of old hashes, from outside. What takes days
is moved in the store while the program is stopped."""

import base64
import hashlib
import os
import sqlite3
import time

from cloud import expect
from identity_site import PASSWORD

COMPLIANCE = "identity.security_compliance."
PASSWORD_SETTINGS = ["log.access=false"] + [COMPLIANCE + setting for setting in [
    "lockout_failure_attempts=3", "lockout_duration=2", "unique_last_password_count=3", "password_expires_days=30",
    "password_regex=^(?=.*\\d)(?=.*[a-z]).{8,}$", "password_regex_description=eight characters with a digit",
    "change_password_upon_first_use=true", "disable_user_account_days_inactive=30"]]
DAY = 86_400_000_000
#: What glibc's crypt makes of a password with sha512_crypt.
SHA512_CRYPT = ("Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1")


def adapted(data):
    """Base64 as passlib writes it."""
    return base64.b64encode(data).decode().rstrip("=").replace("+", ".")


def pbkdf2(password):
    salt = os.urandom(16)
    return f"$pbkdf2-sha512$25000${adapted(salt)}${adapted(hashlib.pbkdf2_hmac('sha512', password.encode(), salt, 25000))}"


def scrypt(password):
    salt = os.urandom(16)
    key = hashlib.scrypt(password.encode(), salt=salt, n=1 << 12, r=8, p=1, dklen=32, maxmem=1 << 26)
    return f"$scrypt$ln=12,r=8,p=1${adapted(salt)}${adapted(key)}"


class PasswordRules:
    def __init__(self, site):
        self.site, self.program = site, site.program
        self.parts = [self.old_hashes, self.first_use_and_history, self.strength, self.lockout, self.expiry_and_inactivity,
                      self.minimum_age]

    def store(self, *statements):
        """Changes rows of the stopped program's store."""
        with sqlite3.connect(self.program.directory / "altostack.db") as connection:
            for sql, values in statements:
                expect(connection.execute(sql, values).rowcount == 1, f"no row: {sql}")
        connection.close()

    def stored_hash(self, user):
        with sqlite3.connect(f"file:{self.program.directory}/altostack.db?mode=ro", uri=True) as connection:
            return connection.execute("SELECT password_hash FROM identity_local_users WHERE user_id = ?", (user,)).fetchone()[0]

    def change(self, user, old, new):
        """The user's own change of the password; returns status and message."""
        body = {"user": {"original_password": old, "password": new}}
        status, _, answer = self.program.http("POST", f"/identity/v3/users/{user}/password", body)
        return status, answer["error"]["message"] if status >= 400 else ""

    def changed(self, user, old, new):
        status, message = self.change(user, old, new)
        expect(status == 204, f"a change of the password: {status} {message}")

    def old_hashes(self):
        """Hashes from another cloud's store: they let their users in, and become bcrypt's at the first login."""
        site = self.site
        people = [("shaun", *SHA512_CRYPT), ("peter", PASSWORD, pbkdf2(PASSWORD)), ("scott", PASSWORD, scrypt(PASSWORD))]
        users = [(site.user(name)["id"], password, old) for name, password, old in people]
        self.program.restart(PASSWORD_SETTINGS, lambda: self.store(*[
            ("UPDATE identity_local_users SET password_hash = ? WHERE user_id = ?", (old, user)) for user, _, old in users]))
        for user, password, old in users:
            site.refused(401, site.password(user, password + "x"), "a wrong password against an old hash")
            expect(self.stored_hash(user) == old, "a wrong password changed the hash")
            status, _, answer = site.log_in(site.password(user, password))
            expect(status == 201, f"a login with the hash {old[:16]}…: {status} {answer}")
            expect(self.stored_hash(user).startswith("$2b$04$"), f"the hash after the login: {self.stored_hash(user)[:12]}…")
            site.token(user, password)
        site.log_in_admin()

    def first_use_and_history(self):
        site, user = self.site, self.site.user("fred", "start-pass-1")["id"]
        message = site.refused(401, site.password(user, "start-pass-1"), "a password to be changed at its first use")
        expect("expired" in message, f"what the user is told: {message}")
        self.changed(user, "start-pass-1", "second-pass-2")
        site.token(user, "second-pass-2")
        expect(self.change(user, "start-pass-1", "third-pass-3")[0] == 401, "a change with the password before")
        self.changed(user, "second-pass-2", "third-pass-3")
        for old in ["third-pass-3", "second-pass-2", "start-pass-1"]:
            status, message = self.change(user, "third-pass-3", old)
            expect(status == 400 and "3" in message, f"one of the last passwords again: {status} {message}")
        self.changed(user, "third-pass-3", "fourth-pass-4")
        self.changed(user, "fourth-pass-4", "start-pass-1")
        site.ok("PATCH", f"/users/{user}", {"user": {"password": "reset-pass-5"}})
        expect("expired" in site.refused(401, site.password(user, "reset-pass-5"), "a password that an administrator gave"), "the reason")
        site.ok("PATCH", f"/users/{user}", {"user": {"options": {"ignore_change_password_upon_first_use": True}, "password": "reset-pass-6"}})
        site.token(user, "reset-pass-6")

    def strength(self):
        site = self.site
        body = {"user": {"name": "wendy", "domain_id": "default", "password": "short1"}}
        answer = site.ok("POST", "/users", body, status=400)
        expect("eight characters with a digit" in answer["error"]["message"], f"the rule in words: {answer}")
        user = site.user("wendy", options={"ignore_change_password_upon_first_use": True})["id"]
        for weak in ["no-digit-here", "1234567"]:
            expect(self.change(user, PASSWORD, weak)[0] == 400, f"the password {weak}")
        site.ok("PATCH", f"/users/{user}", {"user": {"password": "weak"}}, status=400)
        site.token(user)

    def lockout(self):
        site, options = self.site, {"ignore_change_password_upon_first_use": True}
        user = site.user("louis", options=options)["id"]
        for _ in range(2):
            site.refused(401, site.password(user, "wrong"), "a wrong password")
        site.token(user)
        for _ in range(3):
            site.refused(401, site.password(user, "wrong"), "a wrong password")
        expect("locked" in site.refused(401, site.password(user), "the right password of a locked account"), "the reason")
        time.sleep(2.1)
        site.token(user)
        free = site.user("frida", options=options | {"ignore_lockout_failure_attempts": True})["id"]
        for _ in range(4):
            site.refused(401, site.password(free, "wrong"), "a wrong password")
        site.token(free)

    def expiry_and_inactivity(self):
        site, options = self.site, {"ignore_change_password_upon_first_use": True}
        late, lazy, spared = (site.user(name, options=options | more)["id"] for name, more in [
            ("laura", {}), ("linus", {}), ("lisa", {"ignore_user_inactivity": True, "ignore_password_expiry": True})])
        expires = site.shown(site.token(late))["user"]["password_expires_at"]
        expect(expires, "a password without an end")
        long_ago = int(time.time() * 1_000_000) - 40 * DAY
        expiry = "UPDATE identity_local_users SET password_expires_at = ? WHERE user_id = ?"
        activity = "UPDATE identity_users SET last_active_at = ?, created_at = ? WHERE id = ?"
        self.program.restart(None, lambda: self.store(
            (expiry, (long_ago, late)), (expiry, (long_ago, spared)), (activity, (long_ago, long_ago, lazy)),
            (activity, (long_ago, long_ago, spared))))
        site.log_in_admin()
        expect("expired" in site.refused(401, site.password(late), "a password past its end"), "the reason")
        self.changed(late, PASSWORD, "renewed-pass-9")
        site.token(late, "renewed-pass-9")
        expect("disabled" in site.refused(401, site.password(lazy), "an account not used for 40 days"), "the reason")
        expect(site.ok("GET", f"/users/{lazy}")["user"]["enabled"] is False, "an inactive user is shown as enabled")
        site.ok("PATCH", f"/users/{lazy}", {"user": {"enabled": True}})
        site.token(lazy)
        site.token(spared)

    def minimum_age(self):
        self.program.restart([*PASSWORD_SETTINGS, COMPLIANCE + "minimum_password_age=1"])
        site = self.site
        site.log_in_admin()
        user = site.user("marie")["id"]
        self.changed(user, PASSWORD, "chosen-pass-2")
        status, message = self.change(user, "chosen-pass-2", "chosen-pass-3")
        expect(status == 400 and "1 day" in message, f"a password changed twice in a day: {status} {message}")
        aged = "UPDATE identity_local_users SET password_created_at = password_created_at - ? WHERE user_id = ?"
        self.program.restart(None, lambda: self.store((aged, (2 * DAY, user))))
        self.changed(user, "chosen-pass-2", "chosen-pass-3")
