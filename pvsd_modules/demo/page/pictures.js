// What is drawn: spectrograms, and lips from sheets of a hundred frames.

const RANGE = 70; // dB below the loudest point that are shown
const STOPS = ["#000004", "#1d1147", "#51127c", "#832681", "#b73779", "#e75263", "#fc8961",
  "#fec488", "#fcfdbf"];
import { mixed } from "/analysis.js";

const COLOURS = Array.from({ length: 256 }, (_, index) => {
  const place = (index / 256) * (STOPS.length - 1), low = Math.floor(place);
  const channel = (stop, at) => parseInt(STOPS[stop].slice(at, at + 2), 16);
  return [1, 3, 5].map((at) =>
    channel(low, at) + (place - low) * (channel(low + 1, at) - channel(low, at)));
});

/** Draws the spectrogram of a mixture; all mixtures have one scale. */
export function drawSpectrum(canvas, { spectrum, columns, bins }, strength) {
  let most = 1e-12;
  for (let at = 0; at < spectrum.length; at += 3) most = Math.max(most, spectrum[at]);
  canvas.width = columns;
  canvas.height = bins;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, bins);
  for (let column = 0; column < columns; column++) {
    for (let bin = 0; bin < bins; bin++) {
      const power = mixed(spectrum, 3 * (column * bins + bin), strength);
      const level = 1 + (10 * Math.log10(power / most + 1e-12)) / RANGE;
      const colour = COLOURS[Math.round(255 * Math.min(Math.max(level, 0), 1))];
      const pixel = 4 * ((bins - 1 - bin) * columns + column);
      image.data.set(colour, pixel);
      image.data[pixel + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

/** The lips of a recording. */
export class Lips {
  constructor(canvas, folder, { lips, lips_per_sheet: perSheet }) {
    Object.assign(this, { canvas, count: lips, perSheet, shown: -1 });
    this.sheets = Array.from({ length: Math.ceil(lips / perSheet) }, (_, number) => {
      const image = new Image();
      image.src = `${folder}/lips${number}.jpg`;
      image.onload = () => { this.shown = -1; };
      return image;
    });
  }

  /** Shows the frame that belongs to a time in seconds. */
  show(seconds) {
    const frame = Math.min(Math.max(Math.floor(25 * seconds), 0), this.count - 1);
    const sheet = this.sheets[Math.floor(frame / this.perSheet)];
    if (frame === this.shown || !sheet?.complete || !sheet.naturalWidth) return;
    const cell = frame % this.perSheet, across = 10;
    const width = sheet.naturalWidth / across;
    const height = sheet.naturalHeight / (this.perSheet / across);
    const x = (cell % across) * width, y = Math.floor(cell / across) * height;
    const { canvas } = this;
    canvas.getContext("2d").drawImage(
      sheet, x, y, width, height, 0, 0, canvas.width, canvas.height);
    this.shown = frame;
  }
}
