import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeFileAtomically } from '#files/atomicWrite.ts';

const windowStateSchema = z.strictObject({
  x: z.int().optional(),
  y: z.int().optional(),
  width: z.int().min(800).max(20_000),
  height: z.int().min(600).max(20_000),
  maximized: z.boolean(),
});
export type WindowState = z.infer<typeof windowStateSchema>;

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

const initialState: WindowState = { width: 1280, height: 800, maximized: false };

/** The window's last place; the default where there is none, or none that can be read. */
export function loadWindowState(file: string): WindowState {
  try {
    return windowStateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return initialState;
  }
}

/** Keeps the size, and the place only where its title bar would be on one of the screens. */
export function fitToScreens(state: WindowState, workAreas: readonly Rectangle[]): WindowState {
  const { x, y, ...rest } = state;
  if (x === undefined || y === undefined) return rest;
  const visible = workAreas.some(
    (area) =>
      x + state.width > area.x + 100 && x < area.x + area.width - 100 && y >= area.y && y < area.y + area.height - 50,
  );
  return visible ? state : rest;
}

export async function saveWindowState(file: string, state: WindowState): Promise<void> {
  await writeFileAtomically(file, JSON.stringify(state));
}
