import { createApp } from './app.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';

/** A stop that takes longer than this is cut off, ms. */
const stopMs = 15_000;

function configure(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

const app = createApp(configure());

function shutDown(): void {
  setTimeout(() => process.exit(1), stopMs).unref();
  void app.stop().then(() => process.exit(0));
}
process.once('SIGTERM', shutDown);
process.once('SIGINT', shutDown);

try {
  await app.start();
} catch (error) {
  process.stderr.write(`The server cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
