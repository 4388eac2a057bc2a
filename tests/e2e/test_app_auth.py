"""Who may ask: signing up, logging in, tokens good and bad."""
import socket
import time
import unittest

from apps import (JSON, SECRET, SEED_EMAIL, SEED_NAME, SEED_PASSWORD, AppCase, bearer, claims_of, make_token,
                  on_every_store, token_of)
from harness import App

BAD_LOGIN = "user not registered or bad credentials"
BAD_TOKEN = "the jwt token is not valid"
NO_TOKEN = "the jwt token is missing"


@on_every_store
class Auth(AppCase):
    def login(self, username, password, status=200):
        return self.ask("POST", "/auth/login", status, json_body={"username": username, "password": password})

    def test_login_gives_a_token_for_half_an_hour_that_carries_the_email(self):
        before = int(time.time())
        answer = self.login(SEED_NAME, SEED_PASSWORD)
        after = int(time.time())
        self.assertRegex(answer.text, r'^\{"token":"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"\}$')
        header, claims = claims_of(answer.json()["token"])
        self.assertEqual(header["alg"], "HS256")
        self.assertEqual(claims["sub"], SEED_EMAIL)
        self.assertTrue(before + 1800 <= claims["exp"] <= after + 1800, claims)
        self.ask("GET", "/bookings", 200, user=answer.json()["token"])

    def test_login_by_form_is_the_same(self):
        answer = self.ask("POST", "/auth/login", 200, body="username=ipesenti&password=abcd1234%21%21",
                          headers={"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(claims_of(answer.json()["token"])[1]["sub"], SEED_EMAIL)

    def test_a_login_that_does_not_match_is_404_and_says_no_more(self):
        texts = set()
        for username, password in ((SEED_NAME, "wrong"), (SEED_NAME, SEED_PASSWORD + "x"), ("nobody", SEED_PASSWORD),
                                   (SEED_NAME.upper(), SEED_PASSWORD), (SEED_EMAIL, SEED_PASSWORD),
                                   ("' OR '1'='1", "x"), ("a" * 100, "b" * 100), ("\u00fc\U0001f600", "\u00fc")):
            with self.subTest(username):
                texts.add(self.ask_error("POST", "/auth/login", 404, BAD_LOGIN,
                                         json_body={"username": username, "password": password}).text)
        # Which of the two was wrong is nobody's business.
        self.assertEqual(len(texts), 1)

    def test_an_unknown_user_is_refused_as_slowly_as_a_wrong_password(self):
        def seconds(username):
            taken = []
            for _ in range(5):
                begin = time.monotonic()
                self.login(username, "wrong", 404)
                taken.append(time.monotonic() - begin)
            return min(taken)

        # Without a hash to compute it is a hundred times as fast, so a factor of three tells them apart.
        self.assertGreater(seconds("nobody"), seconds(SEED_NAME) / 3)

    def test_whoever_signs_up_can_log_in_and_book(self):
        answer = self.ask("POST", "/auth/signup", 200, json_body={
            "email": "ann@example.org", "username": "ann", "password": "p\u00e4ss \U0001f600 \" word"})
        self.assertRegex(answer.text,
                         r'^\{"id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"\}$')
        token = self.login("ann", "p\u00e4ss \U0001f600 \" word").json()["token"]
        self.assertEqual(claims_of(token)[1]["sub"], "ann@example.org")
        self.ask("GET", "/bookings", 200, "[]", user=token)

    def test_an_email_is_registered_once(self):
        email, username, password = self.new_user()
        self.ask_error("POST", "/auth/signup", 400, "this email has been already registered",
                       json_body={"email": email, "username": "other", "password": "x"})
        self.ask("POST", "/auth/login", 404, json_body={"username": "other", "password": "x"})
        self.login(username, password)
        self.ask_error("POST", "/auth/signup", 400, "this email has been already registered",
                       json_body={"email": SEED_EMAIL, "username": "another", "password": "x"})

    def test_a_username_is_registered_once(self):
        _, username, password = self.new_user()
        answer = self.ask("POST", "/auth/signup", 400, json_body={"email": "second@example.org", "username": username,
                                                                  "password": "x"})
        self.assertNotEqual(answer.json()["code"], "this email has been already registered")
        self.login(username, password)
        self.login(username, "x", 404)

    def test_passwords_are_nowhere_in_the_database(self):
        _, username, password = self.new_user()
        dump = self.store.dump()
        self.assertIn(username, dump)
        self.assertNotIn(password, dump)
        self.assertNotIn(SEED_PASSWORD, dump)
        self.assertEqual(len(self.store.sql("SELECT password FROM users WHERE password LIKE '$%'")),
                         len(self.store.sql("SELECT password FROM users")))
        self.assertFalse([line for line in self.app.stderr if password in line])

    def test_two_users_with_one_password_have_two_hashes(self):
        for name in ("eve", "eva"):
            self.ask("POST", "/auth/signup", 200, json_body={"email": name + "@example.org", "username": name,
                                                             "password": "the same"})
        hashes = self.store.sql("SELECT password FROM users WHERE username IN ('eve', 'eva')")
        self.assertEqual(len(set(hashes)), 2, hashes)

    def test_a_password_is_told_apart_to_its_last_byte(self):
        long = "x" * 500
        self.ask("POST", "/auth/signup", 200, json_body={"email": "long@example.org", "username": "long",
                                                         "password": long})
        self.login("long", long)
        self.login("long", long[:-1] + "y", 404)
        self.login("long", long[:-1], 404)
        self.ask_error("POST", "/auth/signup", 400, "body validation", json_body={
            "email": "longer@example.org", "username": "longer", "password": "x" * 5000})

    def test_a_missing_field_is_named(self):
        for path, fields in (("/auth/login", ("username", "password")),
                             ("/auth/signup", ("email", "username", "password"))):
            for missing in fields:
                with self.subTest(path + " " + missing):
                    answer = self.ask_error("POST", path, 400, "body validation", json_body={
                        name: "v@example.org" for name in fields if name != missing})
                    self.assertIn(missing, answer.json()["message"])

    def test_without_a_token_every_booking_route_is_401(self):
        for method, path in (("GET", "/bookings"), ("POST", "/bookings"), ("GET", "/bookings/x"),
                             ("DELETE", "/bookings/x")):
            with self.subTest(method + " " + path):
                self.ask_error(method, path, 401, NO_TOKEN)
                self.ask_error(method, path, 401, BAD_TOKEN, headers=bearer("nonsense"))
                self.ask_error(method, path, 401, BAD_TOKEN, user=token_of(SEED_EMAIL, secret="x" * 32))

    def test_a_token_that_is_not_good_is_refused(self):
        now = int(time.time())
        good = {"sub": SEED_EMAIL, "exp": now + 600}
        token = make_token(good)
        head, claims, signature = token.split(".")
        flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
        for what, bad in (
                ("expired", make_token({**good, "exp": now - 1})),
                ("expired long ago", make_token({**good, "exp": 1})),
                ("expires below zero", make_token({**good, "exp": -5})),
                ("no exp", make_token({"sub": SEED_EMAIL})),
                ("exp is text", make_token({**good, "exp": str(now + 600)})),
                ("exp is null", make_token({**good, "exp": None})),
                ("no sub", make_token({"exp": now + 600})),
                ("sub is empty", make_token({**good, "sub": ""})),
                ("sub is a number", make_token({**good, "sub": 5})),
                ("alg none", make_token(good, alg="none")),
                ("alg none, no dot", head + "." + claims),
                ("alg none, signed", make_token(good, header={"alg": "none", "typ": "JWT"}, signed_by="HS256")),
                ("alg None", make_token(good, alg="None")),
                ("HS384", make_token(good, alg="HS384")),
                ("HS512", make_token(good, alg="HS512")),
                ("says HS384, is HS256", make_token(good, alg="HS384", signed_by="HS256")),
                ("RS256", make_token(good, alg="RS256", signed_by="HS256")),
                ("no alg", make_token(good, header={"typ": "JWT"}, signed_by="HS256")),
                ("another secret", make_token(good, secret="f" * 32)),
                ("an empty secret", make_token(good, secret="")),
                ("a secret cut short", make_token(good, secret=SECRET[:-1])),
                ("claims are a list", make_token(b"[1]")),
                ("claims are not JSON", make_token(b"{")),
                ("claims are empty", make_token(b"")),
                ("header is not JSON", make_token(good, header=b"x", signed_by="HS256")),
                ("signature changed", ".".join((head, claims, flipped))),
                ("signature cut", ".".join((head, claims, signature[:-1]))),
                ("signature gone", ".".join((head, claims, ""))),
                ("claims of another", ".".join((head, make_token({**good, "sub": "a@b.c"}).split(".")[1], signature))),
                ("a fourth part", token + ".x"),
                ("a dot behind", token + "."),
                ("a dot ahead", "." + token),
                ("one character", "x"),
                ("dots", ".."),
                ("not base64", "$$$.%%%.&&&"),
                ("with blanks", token.replace(".", " .")),
                ("twice", token + token)):
            with self.subTest(what):
                self.ask_error("GET", "/bookings", 401, BAD_TOKEN, headers=bearer(bad))
        self.ask("GET", "/bookings", 200, user=token)

    def test_what_is_not_a_bearer_token_is_refused(self):
        token = self.seed_user
        for value in (token, "Basic aXBlc2VudGk6YWJjZDEyMzQhIQ==", "Bearer", "Bearer ", "Token " + token,
                      "Bearer" + token,
                      "Digest " + token, ""):
            with self.subTest(value[:20]):
                answer = self.ask("GET", "/bookings", 401, headers={"Authorization": value})
                self.assertIn(answer.json()["code"], (BAD_TOKEN, NO_TOKEN))

    def test_a_token_of_a_user_who_does_not_exist_books_nothing(self):
        ghost = token_of("ghost@example.org")
        self.ask("GET", "/bookings", 200, "[]", user=ghost)
        answer = self.ask("POST", "/bookings", 401, user=ghost, json_body={
            "room_id": "79ca06f8-1163-48e8-b279-23fca5669623", "booked_on": "2030-01-01"})
        self.assertEqual(answer.json()["code"], BAD_TOKEN)

    def test_a_hundred_thousand_dots_and_a_megabyte_of_token_are_refused_at_once(self):
        for token in ("." * 100_000, "A" * 1_000_000, self.seed_user + "A" * 100_000, "eyJ" + "." * 5_000):
            with self.subTest(len(token)):
                begin = time.monotonic()
                answer = self.raw(b"GET /bookings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " +
                                  token.encode() + b"\r\n\r\n")
                # h2o closes on a header that is larger than it takes; a smaller one is a bad token.
                self.assertRegex(answer[:20], rb"^(HTTP/1\.1 40[01] |HTTP/1\.1 431 |$)")
                self.assertLess(time.monotonic() - begin, 5)
        self.ask("GET", "/bookings", 200, user=self.seed_user)

    def test_logins_do_not_hold_up_other_requests(self):
        # Hashing takes 20 ms a piece: on an event loop, thirty of them at once would hold it for 0.6 s.
        ask = (b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
               b"Connection: close\r\n\r\n%s")
        body = b'{"username":"ipesenti","password":"wrong"}'
        clients = []
        try:
            for _ in range(30):
                clients.append(socket.create_connection((self.app.host, self.app.port), timeout=60))
                clients[-1].sendall(ask % (len(body), body))
            for _ in range(10):
                self.ask("GET", "/rooms", 200)
            answers = []
            for client in clients:
                text = b""
                while piece := client.recv(65536):
                    text += piece
                answers.append(text.split(b" ")[1])
        finally:
            for client in clients:
                client.close()
        # Each is answered; when the queue is full that says so.
        self.assertEqual(set(answers) - {b"404", b"503"}, set())
        self.assertIn(b"404", answers)

    def test_tokens_outlive_a_restart_with_a_configured_secret(self):
        token = self.login(SEED_NAME, SEED_PASSWORD).json()["token"]
        self.end()
        type(self).app = self.start()
        self.ask("GET", "/bookings", 200, user=token)
        self.ask_error("GET", "/bookings", 401, BAD_TOKEN, user=token,
                       app=self.other_app(config={"secret_key": "another secret of 32 bytes......"}))

    def other_app(self, **more):
        app = self.start(**more)
        self.addCleanup(app.stop)
        return app


class RandomSecret(unittest.TestCase):
    def test_without_a_configured_secret_tokens_die_with_the_process_and_the_log_says_so(self):
        def login(app):
            return app.post("/auth/login", '{"username":"ipesenti","password":"abcd1234!!"}',
                            headers=JSON).json()["token"]

        def status(app, token):
            return app.get("/bookings", headers=bearer(token)).status

        with App() as app:
            first = login(app)
            self.assertEqual(status(app, first), 200)
            self.assertEqual(status(app, make_token({"sub": SEED_EMAIL, "exp": int(time.time()) + 600},
                                                    secret="\0" * 32)), 401)
            self.assertTrue([line for line in app.stderr if "secret" in line and "token" in line], app.stderr)
        with App() as app:
            self.assertEqual(status(app, first), 401)
            self.assertEqual(status(app, login(app)), 200)


if __name__ == "__main__":
    unittest.main()
