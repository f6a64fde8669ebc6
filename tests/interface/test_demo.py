"""`pvsd demo` over HTTP: results, limits, refusals, and what is left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import demo_models
import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="needs the extra demo")
from fastapi.testclient import TestClient

from pvsd_modules.cli import main
from pvsd_modules.demo.app import COOKIE, started
from pvsd_modules.demo.jobs import Job
from pvsd_modules.demo.settings import Settings
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.sound_reading import read_audio

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(megabytes=3, seconds=8, queue=2, timeout=30)
URL = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def app(tiny_folder):
    load = partial(demo_models.tiny, str(tiny_folder))
    with started(load, SETTINGS) as app, TestClient(app, base_url=URL) as client:
        app.state.client = client  # whose thread runs the event loop
        yield app


@pytest.fixture
def jobs(app):
    return app.state.jobs


@pytest.fixture
def client(app):
    """A browser that has just opened the page."""
    client = app.state.client
    client.cookies.clear()
    assert client.get("/").status_code == 200
    yield client
    client.cookies.clear()


@pytest.fixture(scope="module")
def enhancer(tiny_folder):
    return demo_models.tiny(str(tiny_folder))


def sound(path, seconds=1.0, rate=16000, channels=1):
    wave = np.random.default_rng(0).normal(0, 0.1, (round(rate * seconds), channels))
    soundfile.write(path, wave.astype(np.float32), rate, subtype="FLOAT")
    return path


def send(client, path, name=None):
    name = path.name if name is None else name
    answer = client.post("/job", params={"name": name}, content=path.read_bytes())
    assert answer.status_code == 202, answer.text
    return f"/job/{answer.json()['id']}"


def finish(client, job):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        state = client.get(job).json()
        if state["state"] in ("done", "failed"):
            return state
        time.sleep(0.02)
    pytest.fail("not finished in a minute")


def samples(answer, channels):
    return np.frombuffer(answer.content, np.float32).reshape(-1, channels).T


def test_both_signals_and_the_lips_are_served(client, enhancer, tmp_path):
    path = sound(tmp_path / "talk.wav", 4.2, 44100, 2)
    job = send(client, path)
    state = finish(client, job)
    assert state["state"] == "done", state
    result = state["result"]
    assert (result["rate"], result["channels"], result["samples"]) == (44100, 2, 185220)
    assert (result["output"], result["notes"]) == ("talk_enhanced.wav", [])
    before = samples(client.get(f"{job}/before.f32"), 2)
    np.testing.assert_array_equal(before, read_audio(path)[0].numpy())
    after = samples(client.get(f"{job}/after.f32"), 2)
    np.testing.assert_array_equal(after, enhancer.enhance_file(path).numpy())
    assert np.abs(after - before).max() > 0.01
    assert result["lips"] == 105  # 25 a second
    for number, code in ((0, 200), (1, 200), (2, 404), (-1, 422)):
        answer = client.get(f"{job}/lips{number}.jpg")
        assert answer.status_code == code
        assert code != 200 or answer.content.startswith(b"\xff\xd8")


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("kind", ["wav", "mp4"])
def test_a_download_is_what_the_command_writes(
    kind, strength, client, enhancer, tmp_path
):
    path = ROOT / "examples/noisy.mp4"
    if kind == "wav":
        path = sound(tmp_path / "talk.wav", 2.0, 48000, 2)
    job = send(client, path)
    assert finish(client, job)["state"] == "done"
    answer = client.get(f"{job}/enhanced", params={"strength": strength})
    assert answer.status_code == 200
    assert (
        f'filename="{path.stem}_enhanced.{kind}"'
        in answer.headers["content-disposition"]
    )
    expected = tmp_path / f"expected.{kind}"
    enhancer.enhance_to_file(path, expected, strength)
    assert answer.content == expected.read_bytes()


def test_a_format_without_encoder_is_told(client, tmp_path):
    path = sound(tmp_path / "talk.wav")
    state = finish(client, send(client, path, "talk.amr"))
    assert state["result"]["output"] == "talk_enhanced.m4a"
    assert "written instead" in state["result"]["notes"][0]


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("text.wav", b"no sound at all " * 99, "text.wav cannot be read as video or"),
        ("nothing.wav", b"", "nothing.wav is empty"),
        ("../../a?b.mp4", b"0" * 99, "a_b.mp4 cannot be read"),
    ],
)
def test_a_wrong_file_is_a_sentence_without_a_path(name, content, reason, client):
    answer = client.post("/job", params={"name": name}, content=content)
    state = finish(client, f"/job/{answer.json()['id']}")
    assert state["state"] == "failed"
    assert state["error"].startswith(reason) and "/" not in state["error"]


def test_a_file_that_ends_the_process_costs_itself_only(client, tmp_path):
    path = sound(tmp_path / "fatal.wav")
    state = finish(client, send(client, path))
    assert "fatal.wav ended the process" in state["error"]
    assert finish(client, send(client, path, "good.wav"))["state"] == "done"


def test_a_task_that_takes_too_long_is_ended(client, jobs, tmp_path, monkeypatch):
    path = sound(tmp_path / "slow.wav", 7.0)
    monkeypatch.setattr(jobs.worker, "_timeout", 0)
    assert "slow.wav took longer" in finish(client, send(client, path))["error"]
    monkeypatch.undo()
    assert finish(client, send(client, path))["state"] == "done"


def test_long_and_large_files_are_refused(client, jobs, tmp_path):
    path = sound(tmp_path / "long.wav", 8.5)
    assert "longer than 8 s" in finish(client, send(client, path))["error"]
    wide = sound(tmp_path / "wide.wav", 0.1, 96000, 5)
    assert "samples a second" in finish(client, send(client, wide))["error"]
    before = list(jobs.folder.iterdir())
    large = b"0" * (3 * 10**6 + 1)
    for content in (large, iter([large[: 10**6], large[10**6 :]])):
        answer = client.post("/job", params={"name": "large.wav"}, content=content)
        assert answer.status_code == 413
        assert "larger than 3 MB" in answer.json()["detail"]
    left = [path for path in jobs.folder.iterdir() if path not in before]
    assert not left


def test_a_full_line_and_a_second_recording_are_busy(client, jobs, tmp_path):
    path = sound(tmp_path / "talk.wav")
    job = send(client, path)
    finish(client, job)
    mine = jobs.of[client.cookies[COOKIE]]
    mine.state = "working"
    refused = client.post("/job", params={"name": "b.wav"}, content=b"1")
    assert refused.status_code == 503 and "not finished" in refused.json()["detail"]
    mine.state = "done"
    others = [Job("", tmp_path, "a.wav") for _ in range(SETTINGS.queue)]
    jobs.line.extend(others)
    refused = client.post("/job", params={"name": "b.wav"}, content=b"1")
    assert refused.status_code == 503 and "busy" in refused.json()["detail"]
    assert refused.headers["Retry-After"]
    jobs.line[:] = [mine]
    refused = client.get(f"{job}/enhanced?strength=1")
    assert refused.status_code == 503 and "download" in refused.json()["detail"]
    jobs.line.clear()
    assert client.get(job).json()["state"] == "done"  # a refusal costs nothing


def test_a_client_sees_its_own_recordings_only(client, tmp_path):
    job = send(client, sound(tmp_path / "talk.wav"))
    assert finish(client, job)["state"] == "done"
    urls = [job, f"{job}/before.f32", f"{job}/enhanced?strength=1", "/job/0"]
    assert [client.get(url).status_code for url in urls] == [200, 200, 200, 404]
    client.cookies.clear()
    assert client.post("/job?name=a.wav", content=b"1").status_code == 403
    for cookie in (None, "x" * 43):
        headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        for url in urls:
            assert client.get(url, headers=headers).status_code == 404, url
        assert client.delete(job, headers=headers).status_code == 404


@pytest.mark.parametrize(
    "headers, code",
    [
        ({"Host": "127.0.0.1:1"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:8765"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8765"}, 421),
        ({"Host": "localhost:8765:1"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": URL}, 200),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_other_names_and_other_pages_are_refused(headers, code, client):
    for method, url in (("GET", "/"), ("POST", "/job?name=a.wav")):
        answer = client.request(method, url, headers=headers)
        expected = 202 if (method, code) == ("POST", 200) else code
        assert answer.status_code == expected
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if code == 200 and method == "POST":
            finish(client, f"/job/{answer.json()['id']}")


@pytest.mark.parametrize(
    "url",
    [
        *("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/app.py"),
        *("/..%2fapp.py", "/page/index.html", "/docs", "/openapi.json", "/redoc"),
        *("/job/x/..%2f..%2fbefore.f32", "/job/x/received/talk.wav", "/.", "/static"),
    ],
)
def test_no_path_of_the_server_is_reached(url, client):
    answer = client.get(url)
    assert answer.status_code in (404, 422) or "<title>pvsd demo" in answer.text


def test_the_page_names_nothing_elsewhere(client):
    page = ROOT / "pvsd_modules/demo/page"
    names = {path.name for path in page.iterdir()}
    for name in names:
        text = client.get("/" if name == "index.html" else f"/{name}").text
        found = set(re.findall(r"https?://[\w./]+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, name
    used = re.findall(r'(?:src|href)="/([\w.]+)"', (page / "index.html").read_text())
    assert len(used) >= 3 and set(used) <= names
    assert 'data-megabytes="3" data-seconds="8"' in client.get("/").text
    cookie = client.get("/", headers={"Cookie": "pvsd_demo=bad"}).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie


def test_files_are_removed(client, jobs, tmp_path, monkeypatch):
    path = sound(tmp_path / "talk.wav")

    def enhanced():
        job = send(client, path)
        assert finish(client, job)["state"] == "done"
        return job, jobs.of[client.cookies[COOKIE]]

    job, kept = enhanced()
    assert (kept.folder / "before.f32").is_file()
    assert client.delete(job).status_code == 204  # as when the page is closed
    assert not kept.folder.exists() and client.get(job).status_code == 404
    _, kept = enhanced()
    enhanced()  # a new one takes its place
    assert not kept.folder.exists()
    _, kept = enhanced()
    jobs.trim()
    assert kept.folder.exists()
    kept.seen -= 60 * SETTINGS.keep + 1
    jobs.trim()
    assert not kept.folder.exists()
    _, kept = enhanced()
    monkeypatch.setattr(jobs, "settings", replace(SETTINGS, gigabytes=0))
    jobs.trim()
    assert not kept.folder.exists()


def test_a_recording_that_is_left_at_work_is_cancelled(client, jobs, tmp_path):
    job = send(client, sound(tmp_path / "talk.wav", 7.5))
    mine = jobs.of[client.cookies[COOKIE]]
    assert client.delete(job).status_code == 204
    end = time.monotonic() + 30
    while mine.folder.exists() or jobs.line:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert mine.state != "done"
    assert finish(client, send(client, sound(tmp_path / "b.wav")))["state"] == "done"


def test_a_model_that_cannot_be_loaded_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(PvsdError, match="no such model"):
        with started(demo_models.missing, SETTINGS):
            pytest.fail("it started")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, text",
    [
        (["--host", "0.0.0.0"], "--allow-host"),
        (["--host", "::"], "--allow-host"),
        (["--host", "no.such.host.invalid"], "cannot listen"),
        (["--model", "no_such_model"], "no_such_model"),
    ],
)
def test_the_command_refuses(words, text, capsys):
    assert main(["demo", *words]) == 2
    assert text in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_sentence(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--port", "70000"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["demo", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another --port" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_nothing_is_left_when_the_server_is_stopped(number, tiny_folder, tmp_path):
    words = [sys.executable, "-m", "pvsd_modules.cli", "demo", "--port", "0"]
    places = [str(ROOT), str(Path(__file__).parent)]
    with subprocess.Popen(
        [*words, "--trust", "--model", str(tiny_folder)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(places),
            "TMPDIR": str(tmp_path),
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert "http://127.0.0.1:" in server.stdout.readline()
        assert list(tmp_path.glob("pvsd-demo-*"))
        server.send_signal(getattr(signal, number))
    assert server.returncode == (0 if number == "SIGTERM" else -9)
    end = time.monotonic() + 120  # the worker may still be loading
    while list(tmp_path.glob("pvsd-demo-*")):
        assert time.monotonic() < end
        time.sleep(0.05)
