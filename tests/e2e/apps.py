"""What the tests of the booking app share: a test class for each store and heap, and its clients.

    @on_every_store
    class Bookings(AppCase):
        def test_...(self):
            self.ask("GET", "/bookings", 200, user=self.seed_user)

becomes four classes: on SQLite and on PostgreSQL, each with either managed heap. Every answer that
`ask` sees is compared with docs/api.yaml as well.
"""
import base64
import datetime
import hashlib
import hmac
import http.client
import itertools
import json
import shutil
import socket
import sys
import tempfile
import threading
import time
import unittest
import uuid

import apidoc
from harness import SANITIZE, App, Response, eventually
from stores import STORES

SECRET = "0123456789abcdef0123456789abcdef"
IDS = {"Green": "79ca06f8-1163-48e8-b279-23fca5669623", "Red": "e6cc9546-52a1-45bc-8e0c-9af9a2b235c1",
       "Yellow": "2b34dd2e-7ea4-45f8-a330-30e3fcaf3cc2"}
SEED_EMAIL, SEED_NAME, SEED_PASSWORD = "ipesenti@sorint.com", "ipesenti", "abcd1234!!"
JSON = {"Content-Type": "application/json"}
JSON_TYPE = "application/json; charset=utf-8"
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, POST, OPTIONS, PUT, DELETE",
        "Access-Control-Allow-Headers": "*"}

# In a sanitizer build both heaps are libc's, and there is nothing to choose.
HEAPS = (None,) if SANITIZE else ("boehm", "mimalloc")


def on_every_store(cls):
    """Class decorator: puts a class for each store and heap beside the decorated one, which itself
    holds no tests any more. The variant is part of each test's name in the report."""
    module = sys.modules[cls.__module__]
    for store, heap in itertools.product(STORES, HEAPS):
        variant = ", ".join(filter(None, (store.name, heap)))
        name = "%s_%s" % (cls.__name__, variant.replace(", ", "_"))
        made = type(name, (cls,), {"store_class": store, "heap": heap, "variant": variant, "abstract": False,
                                   "__module__": cls.__module__, "__qualname__": name})
        setattr(module, name, made)
    return None


def on_each_store(cls):
    """As on_every_store, with the heap that is the default: where the heap makes no difference."""
    module = sys.modules[cls.__module__]
    for store in STORES:
        name = "%s_%s" % (cls.__name__, store.name)
        made = type(name, (cls,), {"store_class": store, "heap": None, "variant": store.name, "abstract": False,
                                   "__module__": cls.__module__, "__qualname__": name})
        setattr(module, name, made)
    return None


def on_each_heap(cls):
    """As on_every_store, on the store that is the default: where the store makes no difference."""
    module = sys.modules[cls.__module__]
    for heap in HEAPS:
        name = "%s_%s" % (cls.__name__, heap)
        made = type(name, (cls,), {"store_class": STORES[0], "heap": heap, "variant": heap or "", "abstract": False,
                                   "__module__": cls.__module__, "__qualname__": name})
        setattr(module, name, made)
    return None


# ---- tokens ---------------------------------------------------------------------------------------

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(claims, secret=SECRET, alg="HS256", header=None, signed_by=None):
    """A JSON web token, right or wrong, made without the app."""
    head = {"alg": alg, "typ": "JWT"} if header is None else header
    parts = [base64url(part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode())
             for part in (head, claims)]
    method = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(signed_by or alg)
    signature = b"" if method is None else hmac.new(secret.encode(), ".".join(parts).encode(), method).digest()
    return ".".join(parts + [base64url(signature)])


def token_of(email, **more):
    return make_token({"sub": email, "exp": int(time.time()) + 600}, **more)


def claims_of(token):
    """Header and claims of a token, after checking its signature."""
    parts = token.split(".")
    expected = base64url(hmac.new(SECRET.encode(), ".".join(parts[:2]).encode(), hashlib.sha256).digest())
    if len(parts) != 3 or parts[2] != expected:
        raise AssertionError("not signed by HS256 with the secret: %s" % token)
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2]]


def bearer(token):
    return {"Authorization": "Bearer " + token}


def day(number):
    """The number-th day of a long calendar: each number is another real day."""
    return (datetime.date(2001, 1, 1) + datetime.timedelta(days=number)).isoformat()


# ---- a test class with an app ---------------------------------------------------------------------

class AppCase(unittest.TestCase):
    """One store and one app for all tests of the class. `config` is added to its configuration."""
    store_class = heap = None
    variant = ""
    abstract = True
    config = {}
    env = {}

    @classmethod
    def setUpClass(cls):
        missing = cls.store_class.missing()
        if missing:
            raise unittest.SkipTest(missing)
        cls.folder = tempfile.mkdtemp(prefix="cruntime-case.")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.store = cls.store_class()
        cls.addClassCleanup(cls.store.close)
        cls.app = cls.start()
        cls.addClassCleanup(cls.end)

    @classmethod
    def start(cls, *arguments, config=None, listen="127.0.0.1:0", env=None):
        """An app on the store of the class."""
        settings = {"dsn": cls.store.dsn, "secret_key": SECRET, **cls.config, **(config or {})}
        with tempfile.NamedTemporaryFile("w", dir=cls.folder, suffix=".json", delete=False) as file:
            json.dump({name: value for name, value in settings.items() if value is not None}, file)
        variables = {**({"CALLOCATOR": cls.heap} if cls.heap else {}), **cls.env, **(env or {})}
        return App("--config", file.name, *arguments, env=variables, listen=listen, folder=cls.folder)

    @classmethod
    def end(cls):
        printed = cls.app.stderr
        status = cls.app.stop()
        if status != 0:
            raise AssertionError("the app ended with status %d; it printed:\n%s" % (status, "\n".join(printed)))

    # A test that ends without a request may leave an app that crashed to the next one: look at once.
    def tearDown(self):
        status = self.app.process.poll()
        if status is not None:
            self.fail("the app ended with status %d; it printed:\n%s" % (status, "\n".join(self.app.stderr)))

    seed_user = token_of(SEED_EMAIL)

    def ask(self, method, path, status, text=None, user=None, json_body=None, headers=None, app=None, **more):
        """The answer, after checking what every answer must have and what docs/api.yaml says of it.
        user is a token, json_body a value to send."""
        app = app or self.app
        headers = {**(bearer(user) if user else {}), **(headers or {})}
        if json_body is not None:
            more["body"] = json.dumps(json_body)
            headers = {**JSON, **headers}
        answer = app.request(method, path, headers=headers, **more)
        self.assertEqual(answer.status, status, answer.text)
        for name, value in CORS.items():
            self.assertEqual(answer.headers.get_all(name), [value], path)
        self.assertEqual(answer.headers["Server"], "coworkingapp/0.1.0")
        if text is not None:
            self.assertEqual(answer.text, text)
        wrong = apidoc.faults(method, path, answer)
        self.assertEqual(wrong, [], "%s %s does not answer as docs/api.yaml says" % (method, path))
        return answer

    def ask_error(self, method, path, status, code, **more):
        answer = self.ask(method, path, status, **more)
        self.assertEqual(answer.headers["Content-Type"], JSON_TYPE)
        self.assertEqual(list(answer.json()), ["code", "message"])
        self.assertEqual(answer.json()["code"], code)
        self.assertTrue(answer.json()["message"])
        self.assertTrue(answer.text.startswith('{"code":"%s","message":"' % code), answer.text)
        return answer

    def book(self, room, booked_on, user=None, status=201, **more):
        """POST /bookings; the id of the booking."""
        answer = self.ask("POST", "/bookings", status, user=user or self.seed_user,
                          json_body={"room_id": room, "booked_on": booked_on}, **more)
        return answer.json().get("id")

    def new_user(self, app=None):
        """Signs somebody up: (email, username, password)."""
        name = "u" + uuid.uuid4().hex[:12]
        user = (name + "@example.org", name, "secret of " + name)
        self.ask("POST", "/auth/signup", 200, app=app, json_body=dict(zip(("email", "username", "password"), user)))
        return user

    def raw(self, data, timeout=30):
        """What comes back for bytes sent on a new connection, until the app closes it."""
        with socket.create_connection((self.app.host, self.app.port), timeout=timeout) as client:
            answer = b""
            try:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused while it was still being sent
            try:
                while piece := client.recv(65536):
                    answer += piece
            except ConnectionError:
                pass
            return answer


class FreshCase(AppCase):
    """A store of its own for each test, which starts apps on it itself."""

    @classmethod
    def setUpClass(cls):
        missing = cls.store_class.missing()
        if missing:
            raise unittest.SkipTest(missing)

    def setUp(self):
        cls = type(self)
        cls.folder = tempfile.mkdtemp(prefix="cruntime-case.")
        self.addCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.store = cls.store_class()
        self.addCleanup(cls.store.close)

    def tearDown(self):
        """There is no app but the test's own."""


# ---- clients that book under load -----------------------------------------------------------------

class Client:
    """One kept-open connection to host:port."""

    def __init__(self, address, token, timeout=15):
        self.connection = http.client.HTTPConnection(*address, timeout=timeout)
        self.headers = {**JSON, **bearer(token)}

    def request(self, method, path, value=None):
        """A Response; OSError or HTTPException when the connection was lost before it was whole."""
        try:
            self.connection.request(method, path, body=None if value is None else json.dumps(value),
                                    headers=self.headers)
            answer = self.connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        except BaseException:
            self.connection.close()
            raise

    def close(self):
        self.connection.close()


class Bookers:
    """Clients that POST /bookings without pause until the block is left, whatever befalls the app.

    Each client books days of its own, so that the only one who can have taken a room before is
    itself, with a request that it got no answer to: then 409 means that it was taken after all. A
    request without an answer, and one that is answered 503, is made again. Any other answer is
    wrong."""
    begun = 0

    def __init__(self, address, token, clients=8):
        self.first_day = 150_000 * Bookers.begun  # no two of a test file want the same days
        Bookers.begun += 1
        self.address, self.token, self.clients = address, token, clients
        self.acknowledged = {}  # id -> (room, day), all of them answered 201
        self.unanswered = set()  # (room, day) that may or may not have been booked
        self.wrong, self.busy = [], []  # answers that must not be; Retry-After of each 503
        self.at = []  # when each 201 came
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _run(self, number):
        rooms = list(IDS.values())
        client = Client(self.address, self.token)
        try:
            for i in itertools.count():
                if not self._book(client, rooms[i % 3], day(self.first_day + i // 3 * self.clients + number)):
                    return
        except BaseException as error:  # pylint: disable=broad-except  (told by the test, which looks at it)
            self.wrong.append("a client ended with %r" % error)
        finally:
            client.close()

    def _book(self, client, room, booked_on):
        """Until there is an answer; whether to go on."""
        lost = 0
        while not self.stopping.is_set():
            try:
                answer = client.request("POST", "/bookings", {"room_id": room, "booked_on": booked_on})
            except (OSError, http.client.HTTPException):
                lost += 1
                with self.lock:
                    self.unanswered.add((room, booked_on))
                time.sleep(0.01)
                continue
            if answer.status == 201:
                with self.lock:
                    self.acknowledged[answer.json()["id"]] = (room, booked_on)
                    self.at.append(time.monotonic())
                return True
            if answer.status == 503:
                with self.lock:
                    self.busy.append(answer.headers["Retry-After"])
                    self.unanswered.add((room, booked_on))  # STORE_AWAY of a write: nobody knows
                lost += 1
                time.sleep(0.02)
                continue
            if answer.status != 409 or lost == 0:
                self.wrong.append("%s %s: status %d after %d lost: %s" % (room, booked_on, answer.status, lost,
                                                                          answer.text[:200]))
            return True
        return False

    def longest_gap_s(self):
        times = sorted(self.at)
        return max((b - a for a, b in zip(times, times[1:])), default=0.0)

    def tally(self, rows):
        """Compares what was acknowledged with the bookings that are there, rows of (id, room, day):
        a line to print, and a list of faults."""
        found = {row[0]: (row[1], row[2]) for row in rows}
        lost = [id for id, what in self.acknowledged.items() if found.get(id) != what]
        doubled = len(rows) - len(found) + len(rows) - len({row[1:] for row in rows})
        known = set(self.acknowledged.values()) | self.unanswered
        strange = [what for what in found.values() if what not in known]
        faults = list(self.wrong[:5])
        if lost:
            faults.append("lost: %s" % [(id, self.acknowledged[id]) for id in lost[:5]])
        if doubled:
            faults.append("%d ids or room-days are there twice" % doubled)
        if strange:
            faults.append("never asked for: %s" % strange[:5])
        line = "acknowledged %d, found %d, lost %d, doubled %d" % (
            len(self.acknowledged), len(self.acknowledged) - len(lost), len(lost), doubled)
        return line, faults


def bookings_over_http(app, token):
    """All bookings of a user, as rows for Bookers.tally. Each event loop finds its way back to a database by
    itself, so that one may still answer 503 when another is ready."""
    def ask():
        answer = app.get("/bookings", headers=bearer(token), timeout=120)
        return None if answer.status == 503 else answer

    answer = eventually(ask, "GET /bookings is answered other than by 503", 30)
    if answer.status != 200:
        raise AssertionError("GET /bookings: %d %s" % (answer.status, answer.text[:300]))
    return [(row["id"], row["room_id"], row["booked_on"][:10]) for row in answer.json()]


def note(line):
    """Prints a line for whoever runs the tests: tests/run shows it, whether the test passes or not."""
    print("#= " + line, file=sys.stderr, flush=True)
