import { writeFile } from 'node:fs/promises';

const sampleRate = 48_000;
/** Whole periods of everything below fit, so that the loop has no seam. */
const seconds = 4;
/** Syllables a second, as in calm speech. */
const syllableRate = 4;
const pitchHz = 140;
/** Vibrato of one semitone, without which noise suppression takes the voice for a hum. */
const pitchSwing = 0.06;
/** Centres and widths of the formants of an open vowel, Hz. */
const formants = [
  { centre: 700, width: 130 },
  { centre: 1_220, width: 150 },
  { centre: 2_600, width: 250 },
] as const;
const harmonics = 24;
const peak = 0.5;

/**
 * Writes a voice as a WAV file (16 bit, mono) for a browser's made-up microphone: one sung vowel in syllables, without
 * longer pauses. The browser's own beeps are too short for the server's level meter, and for noise suppression it is a
 * voice that it lets pass.
 */
export async function writeVoice(file: string): Promise<void> {
  const samples = sing();
  const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const data = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, index) => data.writeInt16LE(Math.round((sample / loudest) * peak * 32_767), index * 2));
  await writeFile(file, Buffer.concat([wavHeader(data.length), data]));
}

function sing(): Float64Array {
  const samples = new Float64Array(sampleRate * seconds);
  let phase = 0;
  for (let index = 0; index < samples.length; index += 1) {
    const time = index / sampleRate;
    const pitch = pitchHz * (1 + pitchSwing * Math.sin(2 * Math.PI * 1.5 * time));
    phase += (2 * Math.PI * pitch) / sampleRate;
    // Never quite silent between syllables.
    const loudness = 0.15 + 0.85 * Math.sin(Math.PI * syllableRate * time) ** 2;
    let sum = 0;
    for (let harmonic = 1; harmonic <= harmonics; harmonic += 1) {
      sum += (resonance(harmonic * pitch) / harmonic) * Math.sin(harmonic * phase);
    }
    samples[index] = loudness * sum;
  }
  return samples;
}

/** How much the mouth lets through at a frequency. */
function resonance(hz: number): number {
  return formants.reduce((sum, { centre, width }) => sum + 1 / (1 + ((hz - centre) / width) ** 2), 0.05);
}

function wavHeader(dataLength: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + dataLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  // PCM, one channel.
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(dataLength, 40);
  return header;
}
