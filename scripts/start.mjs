// npm start: the lab's first screen; until there is one, the quickstart experiment.
import { runLab } from './setup.mjs';

await runLab(['start', ...process.argv.slice(2)]);
