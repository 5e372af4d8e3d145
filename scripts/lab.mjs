// npm run lab -- <command>: the command line, set up first where that is needed.
import { runLab } from './setup.mjs';

await runLab(process.argv.slice(2));
