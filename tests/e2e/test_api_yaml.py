"""docs/api.yaml against the source and against the running app."""
import os
import re
import unittest

import apidoc
from apps import IDS, AppCase, on_every_store
from harness import Response


def setUpModule():
    if apidoc.yaml is None:
        raise unittest.SkipTest("PyYAML (python3-yaml) is not installed")


def nodes(node, where="#"):
    """Every mapping of the document, with its place."""
    if isinstance(node, dict):
        yield where, node
        for name, value in node.items():
            yield from nodes(value, "%s/%s" % (where, name))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from nodes(value, "%s/%d" % (where, i))


def responses():
    """(operation or "every path", status, response) of all that is documented."""
    for (method, path), operation in apidoc.operations().items():
        for status, response in operation["responses"].items():
            yield method + " " + path, int(status), apidoc.resolve(response)
    for status, response in apidoc.document()["x-on-every-path"].items():
        yield "every path", int(status), apidoc.resolve(response)


def error_examples():
    """(operation, status, code) of every example of an error."""
    for where, status, response in responses():
        for content in response.get("content", {}).values():
            for example in content.get("examples", {}).values():
                value = apidoc.resolve(example)["value"]
                if isinstance(value, dict) and "code" in value:
                    yield where, status, value["code"]


class Page(unittest.TestCase):
    def test_it_is_openapi_3_and_every_reference_leads_somewhere(self):
        document = apidoc.document()
        self.assertRegex(document["openapi"], r"^3\.0\.\d$")
        with open(os.path.join(apidoc.TOP, "runtime", "cruntime.h"), encoding="utf-8") as file:
            version = re.search(r'^#define RT_VERSION "(.*)"', file.read(), re.MULTILINE)[1]
        self.assertEqual(document["info"]["version"], version)
        used = set()
        for where, node in nodes(document):
            if "$ref" in node:
                self.assertEqual(list(node), ["$ref"], where)
                self.assertIsNotNone(apidoc.resolve(node), where)
                used.add(node["$ref"])
        for kind in ("schemas", "responses", "parameters", "headers", "examples"):
            for name in document["components"][kind]:
                self.assertIn("#/components/%s/%s" % (kind, name), used, "nothing refers to it")

    def test_every_operation_says_what_it_is_and_takes_the_parameters_of_its_path(self):
        ids = []
        for (method, path), operation in apidoc.operations().items():
            with self.subTest(method + " " + path):
                ids.append(operation["operationId"])
                self.assertTrue(operation["summary"] and operation["tags"])
                given = [apidoc.resolve(one) for one in apidoc.document()["paths"][path].get("parameters", [])]
                self.assertEqual({one["name"] for one in given if one["in"] == "path"},
                                 set(re.findall(r"{(\w+)}", path)))
                for status, response in operation["responses"].items():
                    self.assertTrue(apidoc.resolve(response)["description"], status)
        self.assertEqual(len(ids), len(set(ids)))

    def test_it_has_the_routes_of_the_app_and_no_others(self):
        routes = apidoc.route_table()
        self.assertGreater(len(routes), 10)
        expected = {(method, path) for method, path, _ in routes if path != "/debug/*"} | apidoc.debug_table()
        expected |= {("GET", "/imgs/{name}"), ("HEAD", "/imgs/{name}")}
        self.assertGreater(len(apidoc.debug_table()), 5)
        self.assertEqual(set(apidoc.operations()), expected)

    def test_a_route_that_needs_a_user_is_marked_so_and_answers_401(self):
        for method, path, needs_user in apidoc.route_table():
            if path != "/debug/*":
                with self.subTest(method + " " + path):
                    operation = apidoc.operations()[method, path]
                    self.assertEqual(operation.get("security"), [{"token": []}] if needs_user else None)
                    self.assertEqual("401" in operation["responses"], needs_user)

    def test_every_error_that_it_shows_is_one_that_the_app_has_with_that_status(self):
        table = apidoc.error_table()
        self.assertGreater(len(table), 10)
        others = ""
        for path in ("app/web/debug.c", "runtime/debug/debug.c", "runtime/debug/page_actions.c"):
            with open(os.path.join(apidoc.TOP, path), encoding="utf-8") as file:
                others += file.read()
        seen = list(error_examples())
        self.assertGreater(len(seen), 30)
        for where, status, code in seen:
            with self.subTest("%s %d %s" % (where, status, code)):
                if status in (413, 417):  # h2o's, in cors.c's words
                    self.assertEqual(code, "body validation")
                elif code in table:
                    self.assertIn(status, table[code])
                else:
                    self.assertIn('"%s' % code, others.replace('\\"', '"'))

    def test_every_error_that_the_app_has_is_shown(self):
        shown = {(status, code) for _, status, code in error_examples()}
        for code, statuses in apidoc.error_table().items():
            for status in statuses:
                self.assertIn((status, code), shown)

    def test_every_answer_that_is_an_error_shows_an_example(self):
        for where, status, response in responses():
            if status >= 400 and not where.startswith("HEAD"):
                with self.subTest("%s %d" % (where, status)):
                    for content in response["content"].values():
                        self.assertTrue(content["examples"])

    def test_its_examples_fit_its_schemas(self):
        count = 0
        for where, node in nodes(apidoc.document()):
            if "schema" in node:
                for example in node.get("examples", {}).values():
                    self.assertEqual(apidoc.schema_faults(apidoc.resolve(example)["value"], node["schema"]), [], where)
                    count += 1
            if "example" in node and ("type" in node or "schema" in node):
                self.assertEqual(apidoc.schema_faults(node["example"], node.get("schema", node)), [], where)
                count += 1
        self.assertGreater(count, 40)

    def test_the_comparison_finds_what_departs(self):
        def answer(status, body, kind="application/json; charset=utf-8", **headers):
            return Response(status, {"Content-Type": kind, **headers}, body.encode())

        def faults(method, path, *arguments, **headers):
            return apidoc.faults(method, path, answer(*arguments, **headers))

        good = '{"id":"79ca06f8-1163-48e8-b279-23fca5669623","photos":[]}'
        self.assertEqual(faults("GET", "/rooms/x/photos?y", 200, good), [])
        for bad in (good.replace("photos", "fotos"), good.replace("[]", "null"), good.replace("[]", "[5]"),
                    good.replace("79ca", "79CA"), good[:-1] + ',"x":1}', "[" + good + "]", "null"):
            self.assertNotEqual(faults("GET", "/rooms/x/photos", 200, bad), [], bad)
        self.assertNotEqual(faults("GET", "/rooms/x/photos", 201, good), [])
        self.assertNotEqual(faults("GET", "/rooms/x/photos", 200, good, "text/plain"), [])
        error = '{"code":"generic db err","message":"x"}'
        self.assertNotEqual(faults("GET", "/rooms", 503, error), [])
        self.assertEqual(apidoc.faults("GET", "/rooms", answer(503, error, **{"Retry-After": "1"})), [])
        self.assertNotEqual(faults("DELETE", "/bookings/x", 204, "x"), [])
        self.assertNotEqual(faults("GET", "/nowhere", 200, "{}"), [])
        self.assertNotEqual(faults("PUT", "/rooms", 405, error), [])
        self.assertNotEqual(faults("GET", "/healthz", 200, '{"status":"maybe"}'), [])


@on_every_store
class Answers(AppCase):
    """`ask` compares each answer; here each operation is asked at least once, and the ones that are documented and
    that nobody can provoke from outside are listed."""
    UNPROVOKED = {"500", "503", "413", "206", "304"}  # other tests see them, on their own apps
    def test_every_documented_answer_is_given(self):
        user, seen = self.seed_user, set()

        def ask(method, path, status, **more):
            self.ask(method, path, status, **more)
            seen.add((method, apidoc.pattern_of(path), str(status)))

        room = IDS["Green"]
        body = {"room_id": room, "booked_on": "2025-01-09"}
        person = {"email": "doc@example.org", "username": "doc", "password": "doc"}
        ask("POST", "/auth/signup", 200, json_body=person)
        ask("POST", "/auth/signup", 400, json_body=person)
        ask("POST", "/auth/signup", 415, body="x")
        ask("POST", "/auth/login", 200, json_body=person)
        ask("POST", "/auth/login", 400, json_body={})
        ask("POST", "/auth/login", 404, json_body={**person, "password": "x"})
        ask("POST", "/auth/login", 415, body="x")
        ask("GET", "/rooms", 200)
        ask("GET", "/rooms?day_to_book=2025-01-09", 200)
        ask("GET", "/rooms?day_to_book=x", 400)
        ask("GET", "/rooms/" + room, 200)
        ask("GET", "/rooms/x", 404)
        ask("GET", "/rooms/%s/photos" % room, 200)
        ask("GET", "/rooms/x/photos", 404)
        made = self.book(room, "2025-01-09")
        seen.add(("POST", "/bookings", "201"))
        ask("POST", "/bookings", 400, user=user, json_body={**body, "booked_on": "x"})
        ask("POST", "/bookings", 401, json_body=body)
        ask("POST", "/bookings", 404, user=user, json_body={**body, "room_id": "x"})
        ask("POST", "/bookings", 409, user=user, json_body=body)
        ask("POST", "/bookings", 415, user=user, body="x")
        ask("GET", "/bookings", 200, user=user)
        ask("GET", "/bookings", 401)
        for method, status in (("GET", 200), ("DELETE", 204)):
            ask(method, "/bookings/" + made, 401)
            ask(method, "/bookings/x", 404, user=user)
            ask(method, "/bookings/" + made, status, user=user)
        for method in ("GET", "HEAD"):
            ask(method, "/imgs/green_0001.jpg", 200)
            ask(method, "/imgs/x", 404)
        ask("GET", "/healthz", 200)
        ask("GET", "/readyz", 200)
        ask("GET", "/trace", 200)
        with self.start(config={"flight_recorder": False}) as app:
            ask("GET", "/trace", 409, app=app)
        foreign = {"Origin": "https://example.org"}
        ask("GET", "/trace", 403, headers=foreign)
        good = {"/debug/pprof/{name}": "/debug/pprof/heap", "/debug/pprof/profile": "/debug/pprof/profile?seconds=1"}
        for method, path in apidoc.debug_table():
            changes = path == "/debug/settings" and method == "POST"
            ask(method, good.get(path, path), 200, **({"json_body": {"gc_percent": 100}} if changes else {}))
            ask(method, good.get(path, path), 403, headers=foreign)
            if "400" in apidoc.operations()[method, path]["responses"]:
                wrong = "seconds=0" if path.startswith("/debug/pprof/") else "nosuch=1"
                ask(method, good.get(path, path).split("?")[0] + "?" + wrong, 400,
                    **({"body": wrong} if method == "POST" else {}))
        ask("GET", "/debug/pprof/nosuch", 404)
        documented = {(method, path, status) for (method, path), operation in apidoc.operations().items()
                      for status in operation["responses"] if status not in self.UNPROVOKED}
        self.assertEqual(documented - seen, set())


if __name__ == "__main__":
    unittest.main()
