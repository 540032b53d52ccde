// In this order: what is for narrow windows overrules the rest.
import './theme.css';
import './base.css';
import './problems.css';
import './map.css';
import './regions.css';
import './charts.css';
import './key.css';
import './verifier.css';
import './narrow.css';
import { render } from 'preact';
import { App } from './app.tsx';

render(<App />, document.querySelector('#app')!);
