// Plays both signals at once, sample by sample, and lets one of two mixtures through.

import { loudness } from "/analysis.js";

const RAMP = 0.01; // seconds in which the switch and the strength take effect
const MOST = 0.1; // the louder side is turned down by 20 dB at most

/** Separate channels of interleaved samples, as an AudioBuffer. */
export function asBuffer(samples, channels, rate) {
  const length = samples.length / channels;
  const buffer = new AudioBuffer({ length, numberOfChannels: channels, sampleRate: rate });
  for (let channel = 0; channel < channels; channel++) {
    const data = buffer.getChannelData(channel);
    for (let i = 0; i < length; i++) data[i] = samples[i * channels + channel];
  }
  return buffer;
}

export class Player {
  constructor(before, after, blocks) {
    Object.assign(this, { before, after, blocks, strength: 1, side: "after", offset: 0 });
    this.duration = before.duration;
    this.playing = null;
    this.onend = () => {};
  }

  /** Gains of the two signals: the mixture that is heard, as loud as the other one. */
  gains() {
    const strength = this.side === "after" ? this.strength : 0;
    const powers = [loudness(this.blocks, 0), loudness(this.blocks, this.strength)];
    const own = powers[this.side === "after" ? 1 : 0];
    const level = own > 0 ? Math.max(Math.sqrt(Math.min(...powers) / own), MOST) : 1;
    return [level * (1 - strength), level * strength];
  }

  /** Sources and gains in a context; both sources start at the same sample. */
  connect(context, when, offset) {
    const values = this.gains();
    return [this.before, this.after].map((buffer, index) => {
      const source = new AudioBufferSourceNode(context, { buffer });
      const gain = new GainNode(context, { gain: values[index] });
      source.connect(gain).connect(context.destination);
      source.start(when, offset);
      return { source, gain };
    });
  }

  async play() {
    if (this.playing) return;
    this.context ??= new AudioContext({ latencyHint: "interactive" });
    await this.context.resume();
    if (this.offset >= this.duration) this.offset = 0;
    const when = this.context.currentTime + 0.02;
    const nodes = this.connect(this.context, when, this.offset);
    this.playing = { nodes, when, from: this.offset };
    nodes[0].source.onended = () => {
      if (this.playing?.nodes !== nodes) return;
      this.pause();
      this.offset = this.duration;
      this.onend();
    };
  }

  pause() {
    this.offset = this.position();
    const { playing } = this;
    this.playing = null;
    for (const { source } of playing?.nodes ?? []) source.stop();
  }

  async seek(seconds) {
    const { playing } = this;
    if (playing) this.pause();
    this.offset = Math.min(Math.max(seconds, 0), this.duration);
    if (playing) await this.play();
  }

  /** Seconds of the recording that are heard now. */
  position() {
    if (!this.playing) return this.offset;
    const late = this.context.outputLatency || this.context.baseLatency || 0;
    const passed = this.context.currentTime - late - this.playing.when;
    return Math.min(this.playing.from + Math.max(passed, 0), this.duration);
  }

  set({ side = this.side, strength = this.strength }) {
    Object.assign(this, { side, strength });
    const values = this.gains();
    this.playing?.nodes.forEach(({ gain }, index) =>
      gain.gain.setTargetAtTime(values[index], this.context.currentTime, RAMP / 3));
  }

  close() {
    if (this.playing) this.pause();
    this.context?.close();
  }
}
