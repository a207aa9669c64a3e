// Our whole client: delegated behaviours and custom elements, so that swapped-in HTML needs no re-initialisation. No eval, no inline.
import './guard.js';
import './feedback.js';
import './behaviours.js';
import './chart.js';
import './treegrid.js';
import './lists.js';
import './sheet.js';
