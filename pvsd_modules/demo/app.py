"""The web application: the page, and what it asks for."""

import asyncio
import contextlib
import re
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Cookie, FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from pvsd_modules.demo.guard import Guard
from pvsd_modules.demo.jobs import Busy, Job, Jobs
from pvsd_modules.demo.settings import Settings
from pvsd_modules.demo.worker import Cancelled, Worker
from pvsd_modules.errors import PvsdError

COOKIE = "pvsd_demo"
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_SWEEP = 10.0  # seconds between two looks for what is to be removed

Client = Annotated[str, Cookie(alias=COOKIE)]


@contextlib.contextmanager
def started(load: Callable[[], Any], settings: Settings) -> Iterator[FastAPI]:
    """The application with its worker process and its folder of temporary files.

    ``load`` makes the `PseudoVisualEnhancement` in the worker and can be pickled; if it
    fails, that is a `PvsdError` here.
    """
    with tempfile.TemporaryDirectory(prefix="pvsd-demo-") as name:
        folder = Path(name)
        worker = Worker(load, folder, settings.timeout)
        try:
            worker.start()
            yield _make_app(Jobs(worker, folder, settings))
        finally:
            worker.close()


def _make_app(jobs: Jobs) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(_sweep(jobs))
        yield
        sweeper.cancel()
        jobs.worker.close()  # so that no thread waits for it

    # Without FastAPI's own pages, which load scripts from elsewhere.
    app = FastAPI(openapi_url=None, lifespan=lifespan)
    app.state.jobs = jobs
    app.add_middleware(Guard, hosts=jobs.settings.hosts)
    _serve_page(app, jobs.settings)
    _serve_jobs(app, jobs)
    return app


async def _sweep(jobs: Jobs) -> None:
    while True:
        await asyncio.sleep(_SWEEP)
        jobs.trim()


def _serve_page(app: FastAPI, limits: Settings) -> None:
    """Routes of the files of the page, which are read once."""
    for file in files("pvsd_modules.demo").joinpath("page").iterdir():
        text = file.read_text(encoding="utf-8")
        route = _file_route(text, _TYPES[Path(file.name).suffix])
        if file.name == "index.html":
            text = text.replace("{megabytes}", str(limits.megabytes))
            route = _page_route(text.replace("{seconds}", str(limits.seconds)))
        name = file.name.removesuffix("index.html")
        app.add_api_route(f"/{name}", route, response_class=Response)


def _file_route(text: str, kind: str) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(text, media_type=kind)

    return serve


def _page_route(text: str) -> Callable[..., Awaitable[Response]]:
    async def serve(client: Client = "") -> Response:
        response = Response(text, media_type="text/html")
        if not _TOKEN.fullmatch(client):
            token = secrets.token_urlsafe(32)
            response.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return response

    return serve


def _serve_jobs(app: FastAPI, jobs: Jobs) -> None:
    """Routes of the recordings."""

    def job_of(client: str, number: str) -> Job:
        job = jobs.of.get(client)
        if job is None or job.number != number:
            raise HTTPException(404, "Your recording was removed: send it again.")
        job.seen = time.monotonic()
        return job

    def finished(client: str, number: str) -> Job:
        job = job_of(client, number)
        if job.state != "done":
            raise HTTPException(409, "The recording is not finished.")
        return job

    @app.post("/job", status_code=202)
    async def receive(request: Request, name: str, client: Client = "") -> dict:
        if not _TOKEN.fullmatch(client):
            raise HTTPException(403, "Cookies are needed: allow them and reload.")
        size = request.headers.get("content-length", "")
        if size.isdigit() and int(size) > jobs.settings.megabytes * 10**6:
            raise _too_large(jobs.settings)
        try:
            async with asyncio.timeout(jobs.settings.timeout):
                try:
                    job = jobs.receive(client, name)
                except Busy as busy:
                    async for _ in request.stream():
                        pass  # who still sends might not see the answer
                    raise _unavailable(busy) from busy
                try:
                    await _save(request, job, jobs.settings)
                except BaseException:
                    jobs.drop(job)
                    raise
        except TimeoutError as error:
            raise HTTPException(408, "The file came too slowly.") from error
        except ClientDisconnect:
            return {}
        jobs.start(job)
        return {"id": job.number}

    @app.get("/job/{number}")
    async def look(number: str, client: Client = "") -> dict:
        job = job_of(client, number)
        ahead = jobs.line.index(job) if job in jobs.line else 0
        shown = {name: getattr(job, name) for name in ("state", "part", "error")}
        return {**shown, "ahead": ahead, "result": job.result}

    @app.delete("/job/{number}", status_code=204)
    async def forget(number: str, client: Client = "") -> None:
        jobs.drop(job_of(client, number))

    @app.get("/job/{number}/{side}.f32")
    async def samples(
        number: str, side: Literal["before", "after"], client: Client = ""
    ) -> FileResponse:
        job = finished(client, number)
        track = job.result["track"] if side == "after" else ""
        return FileResponse(job.folder / f"{side}{track}.f32")

    @app.get("/job/{number}/lips{sheet}.jpg")
    async def lips(
        number: str, sheet: Annotated[int, PathParameter(ge=0)], client: Client = ""
    ) -> FileResponse:
        job = finished(client, number)
        if sheet * job.result["lips_per_sheet"] >= job.result["lips"]:
            raise HTTPException(404, "There are no more lips.")
        return FileResponse(job.folder / f"lips{sheet}.jpg")

    @app.get("/job/{number}/enhanced")
    async def enhanced(
        number: str, strength: Annotated[float, Query(ge=0, le=1)], client: Client = ""
    ) -> FileResponse:
        job = finished(client, number)
        try:
            await jobs.write(job, strength)
        except Busy as busy:
            raise _unavailable(busy) from busy
        except PvsdError as error:
            raise HTTPException(422, job.named(str(error))) from error
        except Cancelled as error:
            raise HTTPException(404, "The recording was removed.") from error
        return FileResponse(job.output, filename=job.output.name)


async def _save(request: Request, job: Job, settings: Settings) -> None:
    """Write what a client sends, up to the limit, whatever it says of the size."""
    with job.path.open("wb") as file:
        async for part in request.stream():
            if file.tell() + len(part) > settings.megabytes * 10**6:
                raise _too_large(settings)
            file.write(part)


def _too_large(settings: Settings) -> HTTPException:
    return HTTPException(
        413, f"The file is larger than {settings.megabytes} MB: give a smaller one."
    )


def _unavailable(busy: Busy) -> HTTPException:
    return HTTPException(503, str(busy), {"Retry-After": "2"})
