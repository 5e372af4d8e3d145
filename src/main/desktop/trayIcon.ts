import { nativeImage, type NativeImage } from 'electron';

/** In units of the icon's 32 by 32 drawing: the curve of the application's icon, as a line of points. */
const curve: readonly (readonly [x: number, y: number])[] = [
  [4, 24],
  [8.5, 23],
  [11, 19],
  [13.5, 14],
  [15.5, 8],
  [17, 7.5],
  [18.5, 10],
  [20, 17],
  [22.5, 22],
  [28, 24],
];
const background = { corner: 7, color: [22, 34, 46] } as const;
const stroke = { width: 3.4, color: [143, 199, 242] } as const;
const size = 32;
/** Points in each direction that a pixel is the mean of. */
const samples = 4;

/** The application's icon as pixels: systems take no vector drawing for it. */
export function createTrayIcon(): NativeImage {
  return nativeImage.createFromBitmap(Buffer.from(drawIcon()), { width: size, height: size });
}

/** @returns Blue, green, red and opacity of each pixel, premultiplied, row by row. */
export function drawIcon(): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(size * size * 4);
  for (let index = 0; index < size * size; index += 1) {
    let [inside, onCurve] = [0, 0];
    for (let sample = 0; sample < samples * samples; sample += 1) {
      const x = (index % size) + ((sample % samples) + 0.5) / samples;
      const y = Math.floor(index / size) + (Math.floor(sample / samples) + 0.5) / samples;
      if (!isInRoundedSquare(x, y)) continue;
      inside += 1;
      if (distanceToCurve(x, y) <= stroke.width / 2) onCurve += 1;
    }
    const all = samples * samples;
    const channel = (of: 0 | 1 | 2): number =>
      (onCurve * stroke.color[of] + (inside - onCurve) * background.color[of]) / all;
    pixels.set([channel(2), channel(1), channel(0), (255 * inside) / all], index * 4);
  }
  return pixels;
}

function isInRoundedSquare(x: number, y: number): boolean {
  const beyond = (value: number): number => Math.max(background.corner - value, value - (size - background.corner), 0);
  return Math.hypot(beyond(x), beyond(y)) <= background.corner;
}

function distanceToCurve(x: number, y: number): number {
  let least = Infinity;
  for (const [index, [x1, y1]] of curve.slice(1).entries()) {
    const [x0, y0] = curve[index] ?? [x1, y1];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const along = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy)));
    least = Math.min(least, Math.hypot(x - x0 - along * dx, y - y0 - along * dy));
  }
  return least;
}
