"""Reads docs/api.yaml and compares answers with it; only as much of JSON Schema as it uses."""
import datetime
import functools
import json
import os
import re

try:
    import yaml
except ImportError:  # test_api_yaml says so
    yaml = None

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH = os.path.join(TOP, "docs", "api.yaml")
METHODS = ("get", "post", "put", "delete", "head", "options", "patch")
KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "format", "pattern", "nullable",
         "minimum", "maximum", "minLength", "maxLength", "minItems", "example", "examples", "description", "title"}


@functools.lru_cache(maxsize=None)
def document():
    with open(PATH, encoding="utf-8") as file:
        return yaml.safe_load(file)


def resolve(node):
    """What a {"$ref": "#/…"} stands for; anything else is itself."""
    while isinstance(node, dict) and "$ref" in node:
        target = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def operations():
    """{(METHOD, path pattern): operation}"""
    return {(method.upper(), path): item[method] for path, item in document()["paths"].items()
            for method in METHODS if method in item}


def pattern_of(path):
    """The documented path that a request's path belongs to; None without one."""
    path = path.split("?")[0]
    for pattern in sorted(document()["paths"], key=lambda pattern: pattern.count("{")):
        if re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(pattern)), path):
            return pattern
    return None


def is_date(text):
    try:
        datetime.date.fromisoformat(text)
        return True
    except ValueError:
        return False


FORMATS = {"uuid": lambda text: re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None,
           "date": is_date,
           "date-time": lambda text: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) is not None,
           "email": lambda text: "@" in text, "password": lambda text: True, "double": lambda number: True,
           "int64": lambda number: True, "binary": lambda text: True, "uri-reference": lambda text: True}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}


def schema_faults(value, schema, where="$"):
    """Why a value does not fit a schema, as a list of sentences."""
    schema = resolve(schema)
    unknown = set(schema) - KNOWN
    if unknown:
        raise AssertionError("docs/api.yaml uses %s, which apidoc.py does not know" % sorted(unknown))
    if value is None:
        return [] if schema.get("nullable") else ["%s is null" % where]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return ["%s is not of type %s: %r" % (where, kind, value)]
    faults = []
    if "enum" in schema and value not in schema["enum"]:
        faults.append("%s is none of %s: %r" % (where, schema["enum"], value))
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            faults.append("%s does not match %s: %r" % (where, schema["pattern"], value))
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            faults.append("%s has %d characters" % (where, len(value)))
        if "format" in schema and not FORMATS[schema["format"]](value):
            faults.append("%s is not a %s: %r" % (where, schema["format"], value))
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        faults.append("%s is less than %s" % (where, schema["minimum"]))
    if isinstance(value, (int, float)) and value > schema.get("maximum", value):
        faults.append("%s is more than %s" % (where, schema["maximum"]))
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            faults.append("%s has %d items" % (where, len(value)))
        for i, item in enumerate(value):
            faults += schema_faults(item, schema.get("items", {}), "%s[%d]" % (where, i))
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        faults += ["%s has no %s" % (where, name) for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in properties:
                faults += schema_faults(item, properties[name], "%s.%s" % (where, name))
            elif schema.get("additionalProperties") is False:
                faults.append("%s has %s, which is not documented" % (where, name))
    return faults


def faults(method, path, answer):
    """How an answer departs from what docs/api.yaml says of its operation, as a list of sentences."""
    if yaml is None or method == "OPTIONS":
        return []
    responses = operations().get((method, pattern_of(path)), {"responses": {}})["responses"]
    response = resolve(responses.get(str(answer.status)) or document()["x-on-every-path"].get(str(answer.status)))
    if response is None:
        return ["status %d is not documented" % answer.status]
    wrong = ["there is no header " + name for name, header in response.get("headers", {}).items()
             if resolve(header).get("required") and name not in answer.headers]
    content = response.get("content")
    if method == "HEAD" or not content:
        return wrong + (["there is a body, and none is documented"] if answer.body else [])
    kind = (answer.headers["Content-Type"] or "").split(";")[0]
    if kind not in content:
        return wrong + ["its type is %s, not one of %s" % (kind, sorted(content))]
    if kind == "application/json":
        wrong += schema_faults(json.loads(answer.body), content[kind]["schema"])
    return wrong


def error_table():
    """{code: {status, ...}} of app/web/answer.c."""
    with open(os.path.join(TOP, "app", "web", "answer.c"), encoding="utf-8") as file:
        table = {}
        for status, code in re.findall(r'\[WEB_\w+\] = \{(\d+), "([^"]*)"', file.read()):
            table.setdefault(code, set()).add(int(status))
        return table


def route_table():
    """{(method, pattern), ...} of app/routes.c, with ids as api.yaml writes them."""
    with open(os.path.join(TOP, "app", "routes.c"), encoding="utf-8") as file:
        rows = re.findall(r'\{"([^"]+)", "([^"]+)", (\w+), (true|false)\}', file.read())
    return {(method, re.sub(r":(\w+)", r"{\1}", path), needs_user == "true") for method, path, _, needs_user in rows}


def debug_table():
    """{(method, path), ...} of the runtime's endpoints."""
    with open(os.path.join(TOP, "runtime", "debug", "debug.c"), encoding="utf-8") as file:
        rows = re.findall(r'\{"(/debug/[^"]*)", \w+, (\w+), (\w+),', file.read())
    return {(method, path) for path, get, post in rows for method, handler in (("GET", get), ("POST", post))
            if handler != "NULL"}
