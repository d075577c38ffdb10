// A FaceQL of its own for a test: free port, empty folder, gone at the end.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

const built = join(process.env.CARGO_TARGET_DIR || 'target', 'debug/faceql');
const binary = resolve(root, process.env.FACEQL_BINARY || built);
const home = process.env.FACEQL_HOME ?? join(root, '.faceql');

/** Starts a server with further settings. Returns its address and how to end it. */
export async function startServer(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'faceql-graphiql-'));
  const listen = `127.0.0.1:${await freePort()}`;
  const env = {
    PATH: process.env.PATH,
    FACEQL_LISTEN: listen,
    FACEQL_HOME: home,
    FACEQL_ONNX_RUNTIME: process.env.FACEQL_ONNX_RUNTIME,
    DATABASE_URL: `sqlite:${join(folder, 'faceql.db')}`,
    FACEQL_BLOB_FOLDER: join(folder, 'blobs'),
    FACEQL_SECRET_FILE: join(folder, 'secret'),
    FACEQL_LOG: 'warn',
    ...settings,
  };
  const child = spawn(binary, ['serve'], { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true });
  };
  await ready(`http://${listen}`, child);
  return { url: `http://${listen}`, stop };
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function ready(url, child) {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.status === 204) return;
    await pause(100);
  }
  throw new Error('the server was not ready within a minute');
}
