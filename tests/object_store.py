"""An object store on this machine (moto) that fails on demand."""

import contextlib
import threading
import time


class Store:
    """faults: by the end of a path, what its next requests get; the last one for ever.

    asked: method and path of every request.
    """

    def __init__(self, app):
        self.app, self.faults, self.asked = app, {}, []

    def __call__(self, environ, start):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path))
        fault = next((f for end, f in self.faults.items() if path.endswith(end)), ["none"])
        fault = fault.pop(0) if len(fault) > 1 else fault[0]
        if fault == "slow":
            time.sleep(1)
        if fault.isdigit():
            start(f"{fault} Injected", [("Content-Length", "0")])
            return [b""]
        body = b"".join(self.app(environ, start))
        return [body[: len(body) // 2] if fault == "cut" and method == "GET" else body]


@contextlib.contextmanager
def object_store(monkeypatch):
    """Give an empty store with the bucket "plates", which AWS_ENDPOINT_URL leads to."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_):
            """Print nothing."""

    store = Store(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=Quiet)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    import s3fs

    from unsmear import remote

    s3fs.S3FileSystem.clear_instance_cache()
    remote._s3_store.cache_clear()
    s3fs.S3FileSystem().mkdir("plates")
    store.asked.clear()
    try:
        yield store
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        remote._s3_store.cache_clear()
        server.shutdown()
        server.server_close()
        thread.join()
        from moto.backends import get_backend

        get_backend("s3").reset()
