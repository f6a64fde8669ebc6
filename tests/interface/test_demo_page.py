"""The page of `pvsd demo` in headless Chromium, with the command as its server."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pvsd_modules.synthetic.speech import utter

pytest.importorskip("selenium", reason="needs selenium")
pytest.importorskip("uvicorn", reason="needs the extra demo")
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver"
)
ROOT = Path(__file__).parents[2]
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync
--autoplay-policy=no-user-gesture-required --use-fake-ui-for-media-stream
--use-fake-device-for-media-stream"""
SECONDS = 60


@pytest.fixture(scope="module")
def url(tiny_folder):
    words = [sys.executable, "-m", "pvsd_modules.cli", "demo", "--port", "0"]
    limits = ["--megabytes", "1", "--seconds", "60"]
    places = [str(ROOT), str(Path(__file__).parent)]
    with subprocess.Popen(
        [*words, *limits, "--trust", "--model", str(tiny_folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield server.stdout.readline().split()[2]
        server.terminate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chromium")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={folder}"]:
        options.add_argument(flag)
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(folder / "downloads")}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(SECONDS)
    driver.downloads = folder / "downloads"
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, url):
    browser.get(url)
    yield browser
    used = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert used and not [one for one in used if not one.startswith((url, "blob:"))]
    log = [entry["message"] for entry in browser.get_log("browser")]
    assert not [line for line in log if "Security Policy" in line or "rror:" in line]


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """Three seconds of synthetic speech in noise, stereo at 48 kHz."""
    path = tmp_path_factory.mktemp("sound") / "my talk.wav"
    wave = utter(3.0, speaker=1, seed=2).wave.repeat(3)
    noise = np.random.default_rng(0).normal(0, 0.02, (len(wave), 2))
    soundfile.write(path, wave[:, None] + noise, 48000, subtype="PCM_16")
    return path


def shown(page, name):
    return page.find_element(By.ID, name).is_displayed()


def until(page, condition):
    return WebDriverWait(page, SECONDS, 0.05).until(lambda _: condition())


def give(page, path):
    page.find_element(By.ID, "file").send_keys(str(path))
    until(page, lambda: shown(page, "result") or shown(page, "error"))


def run(page, script, *arguments):
    """The value of a function of JavaScript that may wait; `player` is the page's."""
    return page.execute_async_script(
        "const end = arguments[arguments.length - 1];"
        "import('/app.js').then(async ({player}) => {" + script + "})"
        ".then(end, (error) => end(String(error)));",
        *arguments,
    )


def pixels(page, name):
    return page.execute_script(
        "const c = document.getElementById(arguments[0]);"
        "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.reduce("
        "(sum, value, at) => (sum + value * (at % 997)) % 1000000007, 0);",
        name,
    )


SWITCH = """
await player.seek(0);
await player.play();
const found = [], note = () => found.push([player.side, Boolean(player.playing)]);
document.querySelector("[value=before]").click();
note();
for (let times = 0; times < 2; times++) {
  const key = new KeyboardEvent("keydown", { key: "b", bubbles: true });
  document.body.dispatchEvent(key);
  note();
}
await new Promise(requestAnimationFrame);
found.push(document.getElementById("play").textContent);
return found;
"""


def test_a_recording_is_played_and_compared(page, talk):
    give(page, talk)
    assert page.find_element(By.ID, "name").text == talk.name
    assert shown(page, "mouth") and not shown(page, "error")
    before, after, lips = (pixels(page, name) for name in ("before", "after", "lips"))
    assert before != after
    page.find_element(By.ID, "play").click()
    until(page, lambda: run(page, "return player.position()") > 0.5)
    assert pixels(page, "lips") != lips
    found = run(page, SWITCH)
    assert found == [["before", True], ["after", True], ["before", True], "Pause"]
    until(page, lambda: run(page, "return !player.playing"))  # at its end
    assert page.find_element(By.ID, "time").text == "0:03 / 0:03"
    page.find_element(By.TAG_NAME, "body").send_keys(" ")
    until(page, lambda: run(page, "return Boolean(player.playing)"))


MIXED = """
const [side, strength] = arguments;
player.set({ side, strength });
const { before, after } = player;
const context = new OfflineAudioContext(2, before.length, before.sampleRate);
player.connect(context, 0, 0);
const heard = await context.startRendering();
const [keep, give] = player.gains();
let most = 0, power = 0;
for (let channel = 0; channel < 2; channel++) {
  const [n, e, h] = [before, after, heard].map((one) => one.getChannelData(channel));
  for (let i = 0; i < h.length; i++) {
    most = Math.max(most, Math.abs(h[i] - keep * n[i] - give * e[i]));
    power += h[i] * h[i];
  }
}
return [most, keep, give, power];
"""


def test_the_strength_mixes_in_sync_at_equal_loudness(page, talk):
    give(page, talk)
    powers = []
    for side, strength in (("before", 0.7), ("after", 0.7), ("after", 0.0)):
        most, keep, share, power = run(page, MIXED, side, strength)
        assert most < 1e-6  # every sample is the mixture of both at that sample
        wanted = strength if side == "after" else 0.0
        assert share / (keep + share) == pytest.approx(wanted)
        powers.append(power)
    # Speech and noise have one spectrum each, so loudness and power agree roughly.
    assert powers[1] == pytest.approx(powers[0], rel=0.4)
    full = pixels(page, "after")
    slider = page.find_element(By.ID, "strength")
    slider.send_keys(Keys.HOME)
    assert page.find_element(By.ID, "percent").text == "0 %"
    until(page, lambda: pixels(page, "after") == pixels(page, "before") != full)
    slider.send_keys(Keys.END)
    until(page, lambda: pixels(page, "after") == full)


def test_loudness_and_transform_are_right(page):
    found = page.execute_async_script("""
    const end = arguments[0];
    import('/analysis.js').then(async ({ analyse, fft, loudness, weight }) => {
      const rate = 48000, sine = (hertz, size) => Float32Array.from(
        { length: rate }, (_, i) => size * Math.sin(2 * Math.PI * hertz * i / rate));
      const found = await analyse(sine(997, 1), sine(3000, 0.1), rate);
      const lufs = [0, 1].map(
        (s) => -0.691 + 10 * Math.log10(loudness(found.blocks, s)));
      const real = Float64Array.of(1, 2, 3, 4), imaginary = new Float64Array(4);
      fft(real, imaginary);
      end([...lufs, ...real, ...imaginary]);
    });""")
    # BS.1770: a sine of 997 Hz at full scale has -3.01 LUFS; at 3 kHz it weighs more.
    assert found[0] == pytest.approx(-3.01, abs=0.1)
    assert found[1] == pytest.approx(-23.01 + 3.3, abs=0.4)
    assert found[2:] == pytest.approx([10, -2, -2, -2, 0, 2, 0, -2], abs=1e-9)


def test_a_download_has_the_strength(page, talk):
    give(page, talk)
    slider = page.find_element(By.ID, "strength")
    slider.send_keys(Keys.HOME)
    page.find_element(By.ID, "download").click()
    written = page.downloads / "my talk_enhanced.wav"
    until(page, written.is_file)
    until(page, lambda: "strength 0 %" in page.find_element(By.ID, "saved").text)
    given, saved = soundfile.read(talk)[0], soundfile.read(written)[0]
    np.testing.assert_array_equal(given, saved)  # of strength 0


def test_a_wrong_and_a_large_file_are_sentences(page, talk, tmp_path):
    wrong = tmp_path / "notes.wav"
    wrong.write_text("no sound at all " * 9)
    give(page, wrong)
    error = page.find_element(By.ID, "error")
    assert error.get_attribute("role") == "alert"
    assert error.text.startswith("notes.wav cannot be read as video or audio")
    assert shown(page, "input") and not shown(page, "result")
    large = tmp_path / "large.wav"
    large.write_bytes(b"0" * 1_000_001)
    give(page, large)
    until(page, lambda: "large.wav is larger than 1 MB" in error.text)
    give(page, talk)
    until(page, lambda: shown(page, "result"))
    assert not error.is_displayed()


@pytest.mark.parametrize("kind", ["sound", "video"])
def test_sound_and_video_are_recorded(kind, page):
    page.find_element(By.ID, f"record-{kind}").click()
    until(page, lambda: shown(page, "recording"))
    until(page, lambda: page.find_element(By.ID, "recorded").text not in ("", "0:00"))
    page.find_element(By.ID, "stop").click()
    until(page, lambda: shown(page, "result") or shown(page, "error"))
    assert page.find_element(By.ID, "error").text == ""
    assert page.find_element(By.ID, "name").text == "recording.webm"
    assert 0.5 < run(page, "return player.duration") < 30
    page.find_element(By.ID, "again").click()
    assert shown(page, "input") and not shown(page, "result")


def test_every_control_has_a_name_and_is_reached_by_keyboard(page, talk):
    give(page, talk)
    names = page.execute_script(
        "return [...document.querySelectorAll('button, input, canvas, progress')].map("
        "(one) => (one.labels?.[0]?.textContent || one.ariaLabel || one.textContent ||"
        " one.getAttribute('aria-labelledby') || '').trim());"
    )
    assert names and all(names)
    reached = set()
    for _ in range(12):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(page.switch_to.active_element.get_attribute("id"))
    assert {"again", "play", "position", "strength", "download"} <= reached


@pytest.mark.parametrize("width, height", [(1366, 768), (390, 844), (320, 600)])
def test_nothing_is_wider_than_the_screen(width, height, page, talk):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        give(page, talk)
        found = page.execute_script("return document.documentElement.scrollWidth")
        assert found <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
