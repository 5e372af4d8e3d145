/** Colours of everything in a chart that is not data. Text passes AA on its background. */
export interface ChartTokens {
  background: string;
  text: string;
  faintText: string;
  axis: string;
  grid: string;
}

export const chartTokens: { readonly [Theme in 'light' | 'dark']: ChartTokens } = {
  light: { background: '#ffffff', text: '#1b1f24', faintText: '#57606a', axis: '#8c959f', grid: '#e6e9ec' },
  dark: { background: '#14171a', text: '#e6e9ec', faintText: '#9aa4ae', axis: '#6b7681', grid: '#2a3036' },
};

function channels(color: string): [number, number, number] {
  const value = Number.parseInt(color.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/**
 * A colour of the same hue, lighter or darker, for series that share a method.
 * @param color `#rrggbb`.
 * @param amount −1 (black) … 0 (unchanged) … 1 (white).
 */
export function shiftLightness(color: string, amount: number): string {
  const target = amount < 0 ? 0 : 255;
  const mixed = channels(color).map((channel) => Math.round(channel + (target - channel) * Math.abs(amount)));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}
