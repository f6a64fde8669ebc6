// Spectrograms and loudness of both signals, and of every mixture of them.
//
// With n and e the spectra of the signals before and after, the power of a mixture of
// strength s is s^2 |e|^2 + 2 s (1 - s) Re(n e*) + (1 - s)^2 |n|^2: it is known for all
// s from three numbers.

const HIGHEST = 8000; // hertz that are shown
const COLUMNS = 1000;
const BLOCK = 0.4; // seconds, for loudness

/** Power of a mixture from its three parts, `at` their place in the list. */
export function mixed(parts, at, strength) {
  const keep = 1 - strength;
  const power = strength * (strength * parts[at + 1] + 2 * keep * parts[at + 2]);
  return Math.max(power + keep * keep * parts[at], 0);
}

/** In-place FFT of complex numbers, whose count is a power of two. */
export function fft(real, imaginary) {
  const count = real.length;
  for (let i = 1, j = 0; i < count; i++) {
    let bit = count >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let size = 2; size <= count; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const c = Math.cos((2 * Math.PI * k) / size), s = -Math.sin((2 * Math.PI * k) / size);
      for (let a = k; a < count; a += size) {
        const b = a + half;
        const x = real[b] * c - imaginary[b] * s, y = real[b] * s + imaginary[b] * c;
        real[b] = real[a] - x; imaginary[b] = imaginary[a] - y;
        real[a] += x; imaginary[a] += y;
      }
    }
  }
}

/** Weight of a frequency for loudness (ITU-R BS.1770-5, both filters at 48 kHz). */
export function weight(hertz) {
  const angle = (-2 * Math.PI * Math.min(hertz, 24000)) / 48000;
  const power = ([b0, b1, b2]) =>
    (b0 + b1 * Math.cos(angle) + b2 * Math.cos(2 * angle)) ** 2 +
    (b1 * Math.sin(angle) + b2 * Math.sin(2 * angle)) ** 2;
  return (
    (power([1.53512485958697, -2.69169618940638, 1.19839281085285]) /
      power([1, -1.69065929318241, 0.73248077421585])) *
    (power([1, -2, 1]) / power([1, -1.99004745483398, 0.99007225036621]))
  );
}

/** Mean power of the blocks that are not pauses, by the gates of BS.1770. */
export function loudness(blocks, strength) {
  const powers = [];
  for (let at = 0; at < blocks.length; at += 3) powers.push(mixed(blocks, at, strength));
  const mean = (list) => list.reduce((sum, power) => sum + power, 0) / (list.length || 1);
  const loud = powers.filter((power) => power > 10 ** -6.931); // -70 LUFS
  return mean(loud.filter((power) => power > mean(loud) / 10));
}

/**
 * Analyse both signals, in pieces between which the page lives.
 * Returns the parts of the spectrogram [columns, bins, 3] and of the blocks [blocks, 3].
 */
export async function analyse(before, after, rate) {
  const size = 2 ** Math.max(Math.floor(Math.log2(rate * 0.032)), 5);
  const samples = before.length;
  const hop = Math.round(Math.min(Math.max(samples / 2000, size / 8), size / 2));
  const frames = Math.max(Math.ceil(samples / hop), 1);
  const columns = Math.min(frames, COLUMNS);
  const bins = Math.min(Math.floor((HIGHEST * size) / rate), size / 2);
  const spectrum = new Float32Array(3 * columns * bins);
  const counts = new Uint16Array(columns);
  const blocks = new Float64Array(3 * Math.ceil((samples || 1) / rate / BLOCK));
  const inBlock = new Float64Array(blocks.length / 3);
  const real = new Float64Array(size), imaginary = new Float64Array(size);
  const shape = Float64Array.from(real, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  // With this factor the sum over all bins is the mean square of the signal.
  const scale = Float64Array.from(
    { length: size / 2 + 1 }, (_, k) => weight((k * rate) / size) / (0.1875 * size * size));
  let rest = performance.now();
  for (let frame = 0; frame < frames; frame++) {
    const begin = frame * hop - size / 2;
    for (let i = 0; i < size; i++) {
      real[i] = shape[i] * (before[begin + i] || 0);
      imaginary[i] = shape[i] * (after[begin + i] || 0);
    }
    fft(real, imaginary);
    const column = Math.floor((frame * columns) / frames);
    const block = Math.min(Math.floor((frame * hop) / rate / BLOCK), inBlock.length - 1);
    counts[column]++;
    inBlock[block]++;
    for (let k = 1; k < size / 2; k++) {
      // One transform holds both: their spectra are its even and its odd part.
      const m = size - k;
      const nr = (real[k] + real[m]) / 2, ni = (imaginary[k] - imaginary[m]) / 2;
      const er = (imaginary[k] + imaginary[m]) / 2, ei = (real[m] - real[k]) / 2;
      const parts = [nr * nr + ni * ni, er * er + ei * ei, nr * er + ni * ei];
      for (let part = 0; part < 3; part++) {
        if (k <= bins) spectrum[3 * (column * bins + k - 1) + part] += parts[part];
        blocks[3 * block + part] += parts[part] * scale[k];
      }
    }
    if (performance.now() - rest > 30) {
      await new Promise((done) => setTimeout(done));
      rest = performance.now();
    }
  }
  spectrum.forEach((_, at) => { spectrum[at] /= counts[Math.floor(at / 3 / bins)] || 1; });
  blocks.forEach((_, at) => { blocks[at] /= inBlock[Math.floor(at / 3)] || 1; });
  return { spectrum, columns, bins, blocks, highest: (bins * rate) / size };
}
