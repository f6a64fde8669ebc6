// Connects the page: a recording comes in, is enhanced by the server, and is compared.

import { analyse } from "/analysis.js";
import { drawSpectrum, Lips } from "/pictures.js";
import { asBuffer, Player } from "/player.js";
import { canRecord, record } from "/recorder.js";
import * as server from "/server.js";

const $ = (id) => document.getElementById(id);
const LIMITS = document.body.dataset;
const GREETING = 60000; // milliseconds
export let player = null;
let job = null, lips = null, picture = null, found = null, output = "", stopping = null;

const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function show(...ids) {
  for (const id of ["input", "recording", "work", "result"]) $(id).hidden = !ids.includes(id);
}

function complain(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

function progress(text, part) {
  if ($("status").textContent !== text) $("status").textContent = text;
  if (part === undefined) $("progress").removeAttribute("value");
  else $("progress").value = part;
}

function reset() {
  player?.close();
  if (job) server.forget(job);
  player = job = lips = null;
  complain("");
  show("input");
}

async function enhance(file, name) {
  if (!$("work").hidden) return;
  reset();
  if (file.size > LIMITS.megabytes * 1e6) {
    complain(`${name} is larger than ${LIMITS.megabytes} MB: choose a smaller file.`);
    return;
  }
  show("work");
  $("cancel").focus();
  stopping = new AbortController();
  const { signal } = stopping;
  try {
    progress(`Sending ${name}`, 0);
    job = await server.send(file, name, (part) => progress(`Sending ${name}`, part), signal);
    found = await server.wait(job, ({ state, part, ahead }) => {
      if (state === "waiting") progress(`Waiting: ${ahead} before ${name}`);
      else progress(`Enhancing ${name}`, part);
    }, signal);
    progress("Preparing to play");
    await open(name);
  } catch (error) {
    reset();
    if (signal.aborted) return;
    complain(error instanceof server.Sorry ? error.message : `${name} cannot be shown: ${error.message}`);
    $("choose").focus();
    if (!(error instanceof server.Sorry)) throw error;
  }
}

async function open(name) {
  const { rate, channels, loudest, notes } = found;
  const [before, after] = (
    await Promise.all(["before", "after"].map((side) => server.samples(job, side)))
  ).map((samples) => asBuffer(samples, channels, rate));
  picture = await analyse(before.getChannelData(loudest), after.getChannelData(loudest), rate);
  player = new Player(before, after, picture.blocks);
  player.onend = refresh;
  lips = found.lips ? new Lips($("lips"), job, found) : null;
  $("mouth").hidden = !lips;
  output = found.output;
  $("name").textContent = name;
  $("download").textContent = `Download ${output.split(".").pop()} file`;
  $("saved").textContent = "";
  $("notes").replaceChildren(...notes.map((note) => {
    const item = document.createElement("li");
    item.textContent = note;
    return item;
  }));
  $("position").max = player.duration;
  $("strength").value = 100;
  for (const axis of document.querySelectorAll(".axis"))
    axis.textContent = `0 to ${(picture.highest / 1000).toFixed(0)} kHz`;
  drawSpectrum($("before"), picture, 0);
  choose("after");
  react();
  show("result");
  $("name").focus({ preventScroll: true });
  refresh();
}

/** Everything that depends on the time. */
function refresh() {
  if (!player) return;
  const now = player.position();
  const shown = player.duration ? now / player.duration : 0;
  $("time").textContent = `${clock(now)} / ${clock(player.duration)}`;
  $("head").style.left = `calc(${100 * shown}% - 1px)`;
  $("position").value = now;
  $("position").ariaValueText = `${now.toFixed(1)} of ${player.duration.toFixed(1)} seconds`;
  $("play").textContent = player.playing ? "Pause" : "Play";
  lips?.show(now);
}

function tick() {
  refresh();
  requestAnimationFrame(tick);
}

async function toggle() {
  if (player.playing) player.pause();
  else await player.play();
  refresh();
}

function choose(side) {
  player.set({ side });
  document.querySelector(`[name=side][value=${side}]`).checked = true;
  for (const name of ["before", "after"])
    $(name).parentElement.classList.toggle("heard", name === side);
}

/** Everything that depends on the strength. */
let drawing = 0;
function react() {
  const strength = $("strength").value / 100;
  $("percent").textContent = $("strength").ariaValueText = `${$("strength").value} %`;
  player.set({ strength });
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => drawSpectrum($("after"), picture, strength));
}

async function download() {
  $("download").disabled = true;
  complain("");
  try {
    const strength = $("strength").value / 100;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await server.enhanced(job, strength));
    link.download = output;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    $("saved").textContent = `${output}, strength ${$("strength").value} %, at its own level.`;
  } catch (error) {
    complain(error.message);
  }
  $("download").disabled = false;
}

async function recording(withVideo) {
  complain("");
  let recorder, timer;
  const begun = Date.now();
  try {
    recorder = await record(withVideo, $("camera"), (blob, name) => {
      clearInterval(timer);
      $("stop").onclick = null;
      enhance(blob, name);
    });
  } catch (error) {
    return complain(error.message);
  }
  $("recorded").textContent = clock(0);
  show("recording");
  $("stop").onclick = () => recorder.stop();
  $("stop").focus();
  timer = setInterval(() => {
    const seconds = (Date.now() - begun) / 1000;
    $("recorded").textContent = clock(seconds);
    if (seconds > LIMITS.seconds - 1 && recorder.state === "recording") recorder.stop();
  }, 250);
}

$("choose").onclick = () => $("file").click();
$("file").onchange = ({ target }) => {
  const [file] = target.files;
  if (file) enhance(file, file.name);
  target.value = "";
};
for (const [id, withVideo] of [["record-sound", false], ["record-video", true]]) {
  $(id).hidden = !canRecord();
  $(id).onclick = () => recording(withVideo);
}
$("cancel").onclick = () => stopping.abort();
$("again").onclick = () => { reset(); $("choose").focus(); };
$("play").onclick = toggle;
$("download").onclick = download;
$("strength").oninput = react;
$("position").oninput = ({ target }) => player.seek(Number(target.value));
for (const radio of document.getElementsByName("side"))
  radio.onchange = () => choose(radio.value);
$("spectra").onpointerdown = ({ clientX }) => {
  const { left, width } = $("spectra").getBoundingClientRect();
  player.seek(((clientX - left) / width) * player.duration);
};
addEventListener("keydown", (event) => {
  if (!player || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " " && !event.target.closest("button")) {
    event.preventDefault();
    toggle();
  } else if (event.key.toLowerCase() === "b") {
    choose(player.side === "before" ? "after" : "before");
  }
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("input").classList.add("over");
});
for (const name of ["dragleave", "drop"])
  addEventListener(name, () => $("input").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file && $("recording").hidden) enhance(file, file.name);
});
addEventListener("pagehide", () => job && server.forget(job));
setInterval(() => job && !$("result").hidden && server.greet(job).catch((error) => {
  complain(error.message);
}), GREETING);
requestAnimationFrame(tick);
