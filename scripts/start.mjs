// npm start: sets up where that is needed, then opens NormLab in a window or in the browser.
import { runLab } from './setup.mjs';

await runLab(['start', ...process.argv.slice(2)]);
