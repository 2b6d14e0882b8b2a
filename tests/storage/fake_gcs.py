"""A small Google Cloud Storage server: the JSON API, as far as gcsfs, TensorStore and array_record use it.

    python tests/storage/fake_gcs.py      prints its address, keeps objects in memory, ends with its parent

It runs in a process of its own, because some of its clients hold the interpreter's lock while they wait for it.
`POST /control` with `{"fail": N, "status": 503, "method": "POST"}` makes the next N such requests fail.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import sys
import threading
import urllib.parse

OBJECTS: dict[tuple[str, str], tuple[bytes, int]] = {}
UPLOADS: dict[str, tuple[str, str, bytearray]] = {}
FAILURES = {"fail": 0, "status": 503, "method": ""}
LOCK = threading.Lock()
GENERATION = [1000]


class PreconditionFailed(Exception):
    """A write asked for a generation that the object does not have."""


def store(bucket: str, name: str, data: bytes, query: dict[str, str]) -> dict:
    with LOCK:
        _check(bucket, name, query)
        GENERATION[0] += 1
        OBJECTS[bucket, name] = data, GENERATION[0]
    return describe(bucket, name)


def _check(bucket: str, name: str, query: dict[str, str]) -> None:
    wanted = query.get("ifGenerationMatch")
    present = OBJECTS.get((bucket, name), (b"", 0))[1]
    if wanted is not None and int(wanted) != present:
        raise PreconditionFailed


def describe(bucket: str, name: str) -> dict:
    data, generation = OBJECTS[bucket, name]
    path = f"b/{bucket}/o/{urllib.parse.quote(name, safe='')}"
    return {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{generation}",
        "bucket": bucket,
        "name": name,
        "size": str(len(data)),
        "generation": str(generation),
        "metageneration": "1",
        "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
        "etag": str(generation),
        "storageClass": "STANDARD",
        "timeCreated": "2026-01-01T00:00:00.000Z",
        "updated": "2026-01-01T00:00:00.000Z",
        "selfLink": f"http://localhost/storage/v1/{path}",
        "mediaLink": f"http://localhost/download/storage/v1/{path}?alt=media",
    }


def listing(bucket: str, query: dict[str, str]) -> dict:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    start = query.get("startOffset", "")
    items, prefixes = [], set()
    for at, name in sorted(OBJECTS):
        if at != bucket or not name.startswith(prefix) or name < start:
            continue
        if query.get("endOffset") and name >= query["endOffset"]:
            continue
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        if found:
            prefixes.add(prefix + head + delimiter)
        else:
            items.append(describe(bucket, name))
    answer = {"kind": "storage#objects"}
    return answer | ({"items": items} if items else {}) | ({"prefixes": sorted(prefixes)} if prefixes else {})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def answer(self, status: int, body: bytes | dict | None = None, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode() if isinstance(body, dict) else body or b""
        self.send_response(status)
        if isinstance(body, dict):
            self.send_header("Content-Type", "application/json; charset=UTF-8")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def fail(self, status: int, message: str) -> None:
        self.answer(status, {"error": {"code": status, "message": message}})

    def handle_request(self) -> None:
        body = self._body()
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/control":
            FAILURES.update(json.loads(body))
            self.answer(200, {})
            return
        if FAILURES["fail"] > 0 and FAILURES["method"] in ("", self.command):
            FAILURES["fail"] -= 1
            self.fail(FAILURES["status"], "asked to fail")
            return
        try:
            self._route(url.path, query, body)
        except PreconditionFailed:
            self.fail(412, "conditionNotMet")
        except KeyError:
            self.fail(404, "not found")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = handle_request

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _route(self, path: str, query: dict[str, str], body: bytes) -> None:
        if match := re.fullmatch(r"/upload/storage/v1/b/([^/]+)/o", path):
            self._upload(match[1], query, body)
        elif path == "/batch/storage/v1":
            self._batch(body)
        elif match := re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)", path):
            self._object(match[1], urllib.parse.unquote(match[2]), query, body)
        elif match := re.fullmatch(r"/storage/v1/b/([^/]+)/o/?", path):
            self.answer(200, listing(match[1], query))
        elif match := re.fullmatch(r"/storage/v1/b/([^/]+)/o/([^/]+)/(?:rewriteTo|copyTo)/b/([^/]+)/o/([^/]+)", path):
            data, _ = OBJECTS[match[1], urllib.parse.unquote(match[2])]
            made = store(match[3], urllib.parse.unquote(match[4]), data, query)
            self.answer(200, {"kind": "storage#rewriteResponse", "done": True, "resource": made, **made})
        elif match := re.fullmatch(r"/storage/v1/b/([^/]+)/o/([^/]+)/moveTo/o/([^/]+)", path):
            data, _ = OBJECTS.pop((match[1], urllib.parse.unquote(match[2])))
            self.answer(200, store(match[1], urllib.parse.unquote(match[3]), data, query))
        elif match := re.fullmatch(r"/storage/v1/b/([^/]+)", path):
            self.answer(200, {"kind": "storage#bucket", "id": match[1], "name": match[1], "location": "US"})
        elif (match := re.fullmatch(r"/([^/]+)/(.+)", path)) and self.command in ("GET", "HEAD"):
            self._download(match[1], urllib.parse.unquote(match[2]))
        else:
            self.fail(404, f"{self.command} {self.path}")

    def _object(self, bucket: str, name: str, query: dict[str, str], body: bytes) -> None:
        if self.command == "DELETE":
            with LOCK:
                _check(bucket, name, query)
                del OBJECTS[bucket, name]
            self.answer(204)
        elif query.get("alt") == "media" or self.path.startswith("/download"):
            present = OBJECTS[bucket, name][1]
            if query.get("ifGenerationNotMatch") == str(present):
                self.answer(304)
            else:
                self._download(bucket, name)
        else:
            self.answer(200, describe(bucket, name))

    def _download(self, bucket: str, name: str) -> None:
        data, generation = OBJECTS[bucket, name]
        headers = {"x-goog-generation": str(generation), "x-goog-stored-content-length": str(len(data))}
        headers["x-goog-metageneration"] = "1"
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not match:
            self.answer(200, data, headers)
            return
        if match[1]:
            start, end = int(match[1]), min(int(match[2] or len(data) - 1), len(data) - 1)
        else:
            start, end = max(0, len(data) - int(match[2])), len(data) - 1
        if start > end:
            self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        self.answer(206, data[start : end + 1], headers | {"Content-Range": f"bytes {start}-{end}/{len(data)}"})

    def _upload(self, bucket: str, query: dict[str, str], body: bytes) -> None:
        kind = query.get("uploadType")
        if kind == "multipart":
            boundary = re.search(r"boundary=['\"]?([^'\";]+)", self.headers["Content-Type"])[1].encode()
            _, metadata, media, _ = body.split(b"--" + boundary)
            name = query.get("name") or json.loads(_payload(metadata))["name"]
            self.answer(200, store(bucket, name, _payload(media)[:-1], query))
        elif kind == "media":
            self.answer(200, store(bucket, query["name"], body, query))
        elif "upload_id" in query:
            self._resume(query["upload_id"], body)
        else:
            key = str(len(UPLOADS))
            UPLOADS[key] = bucket, query["name"], bytearray()
            host = self.headers["Host"]
            where = f"http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={key}"
            self.answer(200, {}, {"Location": where})

    def _resume(self, key: str, body: bytes) -> None:
        bucket, name, data = UPLOADS[key]
        match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers.get("Content-Range", ""))
        if match and match[1]:
            data[int(match[1]) :] = body
        if match and match[3] == "*":
            self.answer(308, b"", {"Range": f"bytes=0-{len(data) - 1}"})
        else:
            self.answer(200, store(bucket, name, bytes(data) if match else body, {}))

    def _batch(self, body: bytes) -> None:
        parts = []
        for number, path in enumerate(re.findall(rb"DELETE /storage/v1/(b/\S+)", body), 1):
            bucket, name = re.fullmatch(r"b/([^/]+)/o/([^/?]+).*", path.decode()).groups()
            found = OBJECTS.pop((bucket, urllib.parse.unquote(name)), None)
            status = "204 No Content" if found else "404 Not Found"
            parts.append(f"--end\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n")
            parts.append(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n\r\n")
        content = "".join(parts) + "--end--"
        self.answer(200, content.encode(), {"Content-Type": "multipart/mixed; boundary=end"})


def _payload(part: bytes) -> bytes:
    """The content of a part of a multipart body, whichever line ends its writer likes, with the last line's end."""
    head, _, rest = part.partition(b"\r\n\r\n")
    if b"\n\n" in head:
        rest = part.partition(b"\n\n")[2]
    return rest[:-1] if rest.endswith(b"\r\n") else rest


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
