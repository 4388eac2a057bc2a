"""/imgs: the pictures of the rooms."""
import os
import shutil
import tempfile
import time
import unittest

import apidoc
from apps import CORS, AppCase, on_each_store
from harness import App, run

PICTURES = ["green_0001.jpg", "green_0002.jpg", "green_0003.jpg", "red_0001.jpg", "red_0002.jpg", "yellow_0001.jpg",
            "yellow_0002.jpg", "yellow_0003.jpg", "yellow_0004.jpg"]
NO_PAGE = "404 page not found"


@on_each_store
class Pictures(AppCase):
    def test_every_picture_that_the_rooms_name_is_there(self):
        named = []
        for room in self.ask("GET", "/rooms", 200).json():
            named += [room["main_photo"]] + self.ask("GET", "/rooms/%s/photos" % room["id"], 200).json()["photos"]
        self.assertEqual(sorted(named), ["/" + name for name in PICTURES])
        for name in named:
            with self.subTest(name):
                answer = self.ask("GET", "/imgs" + name, 200)
                self.assertEqual(answer.headers["Content-Type"], "image/jpeg")
                self.assertEqual((answer.body[:3], answer.body[-2:]), (b"\xff\xd8\xff", b"\xff\xd9"))
                self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cruntime-imgs.")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        served = os.path.join(cls.folder, "served")
        os.makedirs(os.path.join(served, "sub"))
        for name, content in (("served/a.jpg", b"\xff\xd8\xff picture"), ("served/sub/b.png", b"png"),
                              ("secret", b"no"),
                              ("served/large.jpg", bytes(range(256)) * 20000), ("served/empty.jpg", b"")):
            with open(os.path.join(cls.folder, name), "wb") as file:
                file.write(content)
        os.mkfifo(os.path.join(served, "pipe.jpg"))
        cls.app = App("--static", served)
        cls.addClassCleanup(cls.app.stop)

    def ask(self, method, path, status, **more):
        answer = self.app.request(method, path, **more)
        self.assertEqual(answer.status, status, answer.text[:300])
        for name, value in CORS.items():
            self.assertEqual(answer.headers.get_all(name), [value], path)
        self.assertEqual(apidoc.faults(method, path, answer), [], path)
        return answer

    def test_files_of_the_folder_are_served_to_the_byte(self):
        self.assertEqual(self.ask("GET", "/imgs/a.jpg", 200).body, b"\xff\xd8\xff picture")
        answer = self.app.get("/imgs/sub/b.png")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, b"png", "image/png"))
        self.assertEqual(self.ask("GET", "/imgs/large.jpg", 200).body, bytes(range(256)) * 20000)
        self.assertEqual(self.ask("GET", "/imgs/empty.jpg", 200).body, b"")

    def test_head_has_the_length_and_no_body(self):
        answer = self.ask("HEAD", "/imgs/a.jpg", 200)
        self.assertEqual((answer.body, answer.headers["Content-Length"]), (b"", "11"))

    def test_what_a_client_has_already_is_not_sent_again(self):
        first = self.ask("GET", "/imgs/a.jpg", 200)
        for name, value in (("If-None-Match", first.headers["ETag"]), ("If-Modified-Since",
                                                                       first.headers["Last-Modified"])):
            answer = self.ask("GET", "/imgs/a.jpg", 304, headers={name: value})
            self.assertEqual(answer.body, b"")

    def test_a_part_can_be_asked_for(self):
        answer = self.ask("GET", "/imgs/large.jpg", 206, headers={"Range": "bytes=250-260"})
        self.assertEqual(answer.body, (bytes(range(256)) * 2)[250:261])
        self.assertEqual(answer.headers["Content-Range"], "bytes 250-260/5120000")

    def test_what_is_not_a_file_in_the_folder_is_404(self):
        for path in ("/imgs", "/imgs/", "/imgs/nosuch.jpg", "/imgs/sub", "/imgs/sub/", "/imgs/../secret",
                     "/imgs/%2e%2e/secret",
                     "/imgs/..%2fsecret", "/imgs/sub/../../secret", "/imgs//../../etc/passwd", "/imgs/a.jpg%00",
                     "/imgs/%00",
                     "/imgs/pipe.jpg", "/imgs/a.jpg/", "/imgs/" + "a" * 5000, "/imgsx/a.jpg"):
            with self.subTest(path[:40]):
                begin = time.monotonic()
                answer = self.ask("GET", path, 404)
                self.assertEqual(answer.headers["Content-Type"], "application/json; charset=utf-8")
                self.assertIn(answer.json()["code"], (NO_PAGE,))
                self.assertLess(time.monotonic() - begin, 5)

    def test_other_methods_are_405_with_allow(self):
        for method in ("POST", "PUT", "DELETE", "BREW"):
            with self.subTest(method):
                answer = self.ask(method, "/imgs/a.jpg", 405)
                self.assertEqual(answer.json()["code"], "method not allowed")
                self.assertIn("GET", answer.headers["Allow"])
        self.ask("OPTIONS", "/imgs/a.jpg", 200)

    def test_a_folder_that_is_not_there_is_named_at_start(self):
        for path, says in (("/nonexistent/imgs", "No such file"), (os.path.join(self.folder, "secret"),
                                                                   "Not a directory")):
            result = run("app", "--listen", "127.0.0.1:0", "--static", path, timeout=60)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn(path, result.stderr)
            self.assertIn(says, result.stderr)


if __name__ == "__main__":
    unittest.main()
