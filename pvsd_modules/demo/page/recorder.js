// Records the microphone, with or without the camera.

import { Sorry } from "/server.js";

export const canRecord = () => Boolean(navigator.mediaDevices && window.MediaRecorder);

/** Starts a recording; `onEnd` is given the file when it is stopped. */
export async function record(withVideo, camera, onEnd) {
  // What browsers do to calls would be enhanced twice.
  const audio = { noiseSuppression: false, echoCancellation: false, autoGainControl: false };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio, video: withVideo });
  } catch (error) {
    throw new Sorry(
      `The ${withVideo ? "camera" : "microphone"} cannot be used: allow it in the ` +
        `browser, or choose a file. (${error.name})`);
  }
  camera.hidden = !withVideo;
  if (withVideo) {
    camera.srcObject = stream;
    camera.play();
  }
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onstop = () => {
    for (const track of stream.getTracks()) track.stop();
    camera.srcObject = null;
    const kind = recorder.mimeType.includes("mp4") ? (withVideo ? "mp4" : "m4a") : "webm";
    onEnd(new Blob(parts, { type: recorder.mimeType }), `recording.${kind}`);
  };
  recorder.start();
  return recorder;
}
