// What the page asks of the server.

/** A sentence for the reader. */
export class Sorry extends Error {}

const NO_ANSWER = "The server does not answer: is `pvsd demo` still running?";

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Sorry(NO_ANSWER);
  }
  if (!answer.ok) throw new Sorry(await sentence(answer.text()));
  return answer;
}

async function sentence(text) {
  try {
    const { detail } = JSON.parse(await text);
    if (typeof detail === "string") return detail;
  } catch { /* no JSON */ }
  return "The server could not do that: try again.";
}

/** Sends a recording; its address on the server. */
export function send(file, name, onPart, signal) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", `/job?name=${encodeURIComponent(name)}`);
    call.upload.onprogress = ({ loaded, total }) => onPart(loaded / (total || 1));
    call.onload = async () =>
      call.status === 202
        ? resolve(`/job/${JSON.parse(call.responseText).id}`)
        : reject(new Sorry(await sentence(call.responseText)));
    call.onerror = () => reject(new Sorry(NO_ANSWER));
    call.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => call.abort());
    call.send(file);
  });
}

/** Waits until a recording is enhanced; what the server found. */
export async function wait(job, onState, signal) {
  for (;;) {
    const state = await (await ask(job, { signal })).json();
    signal.throwIfAborted();
    if (state.state === "done") return state.result;
    if (state.state === "failed") throw new Sorry(state.error);
    onState(state);
    await new Promise((done) => setTimeout(done, 300));
  }
}

export const samples = async (job, side) =>
  new Float32Array(await (await ask(`${job}/${side}.f32`)).arrayBuffer());

export const enhanced = async (job, strength) =>
  (await ask(`${job}/enhanced?strength=${strength}`)).blob();

/** Tells the server that the page is still there; throws if the result is not. */
export const greet = (job) => ask(job);

/** Lets the server forget a recording, also while the page is being closed. */
export const forget = (job) =>
  fetch(job, { method: "DELETE", keepalive: true }).catch(() => {});
