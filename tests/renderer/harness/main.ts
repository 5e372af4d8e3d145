import { plainPage } from '../../../src/renderer/data/host.ts';
import { mountApp } from '../../../src/renderer/mountApp.ts';
import { FakeLab } from '../fakeLab.ts';
import { fillLab } from './scenes.ts';

// `?scene=full&live=4`: what the lab holds, and steps that pass in each tenth of a second.
const query = new URLSearchParams(location.search);
const lab = new FakeLab();
fillLab(lab, query.get('scene') ?? 'empty');
const stepsATick = Number(query.get('live') ?? 0);
if (stepsATick > 0) setInterval(() => lab.advance(stepsATick), 100);
Object.assign(window, { fakeLab: lab });
mountApp(lab, plainPage);
