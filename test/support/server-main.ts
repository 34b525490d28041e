/**
 * src/server.ts with what no setting offers: `node server-main.ts <events kept in memory a room>`, its settings in the
 * environment.
 */
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';

const [, , ringLength] = process.argv;
const app = createApp(loadConfig(process.env), { ringLength: Number(ringLength) });

const shutDown = (): void => void app.stop().then(() => process.exit(0));
process.once('SIGTERM', shutDown);
process.once('SIGINT', shutDown);
await app.start();
