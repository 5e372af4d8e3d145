/** A command of the lab as a person types it, for hints: `npm run --silent lab -- runs list`. */
export function labCommand(command: string): string {
  return `\`npm run --silent lab -- ${command}\``;
}
