// What npm installed lies beside the parts, not above the tests.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../parts/package.json', import.meta.url));

export const { WebSocket, WebSocketServer } = require('ws');
export const playwright = () => require('playwright-core');
export const yjs = () => require('yjs');
