// Shared by the tests of all clients: a server, the photo, the two operations, and the expected results.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

/** Maximum duration of a test, even on a slow machine. */
export const TIME_LIMIT = { timeout: 120_000 };

export const KEY = "some-key-of-16-chars";

export const CLIENTS = import.meta.dirname;

export const ROOT = resolve(CLIENTS, "../..");

export const PHOTO = join(ROOT, ".faceql/photos/obama.jpg");

/** The servers of `run.mjs`: one that requires `KEY`, and one that allows anonymous access. */
export const { FACEQL_URL: URL_WITH_KEY, FACEQL_OPEN_URL: URL_WITHOUT_KEY } = process.env;

export const UPLOAD = `
  mutation Upload($container: ID!, $file: Upload!) {
    uploadImage(input: { containerId: $container, image: { upload: $file } }) { image { id status } }
  }`;

/** The same for clients that send no files. */
export const UPLOAD_BASE64 = `
  mutation Upload($container: ID!, $base64: String!) {
    uploadImage(input: { containerId: $container, image: { base64: $base64 } }) { image { id status } }
  }`;

export const WATCH = `
  subscription Watch($container: ID!) {
    imageStatusChanged(containerId: $container, untilSettled: true) {
      id status revision encodings { dimensions }
    }
  }`;

/** A part of a multipart request. */
export const photo = () => new File([readFileSync(PHOTO)], "obama.jpg", { type: "image/jpeg" });

export const base64Photo = () => readFileSync(PHOTO, "base64");

export const socketUrl = (url) => url.replace(/^http/, "ws");

/** Sends a request with plain `fetch`. Returns `data`. */
export async function ask(url, query, variables = {}) {
  const headers = { "content-type": "application/json", "x-api-key": KEY };
  return read(await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) }));
}

export async function createContainer(url = URL_WITH_KEY) {
  const { createContainer } = await ask(url, "mutation { createContainer { container { id } } }");
  return createContainer.container.id;
}

/** Sends a GraphQL multipart request with plain `fetch`. Returns the image. */
export async function uploadByFetch(container, url = URL_WITH_KEY) {
  const body = new FormData();
  body.append("operations", JSON.stringify({ query: UPLOAD, variables: { container, file: null } }));
  body.append("map", JSON.stringify({ 0: ["variables.file"] }));
  body.append("0", photo());
  const headers = { authorization: `Bearer ${KEY}`, "apollo-require-preflight": "1" };
  const { uploadImage } = await read(await fetch(url, { method: "POST", headers, body }));
  return uploadImage.image;
}

async function read(response) {
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** All events of a subscription until it ends. */
export async function collect(results) {
  const all = [];
  for await (const result of results) all.push(result);
  return all;
}

/** Runs a program until it ends. Returns its output; if it fails, the error contains the output. */
export async function run(program, parameters, options = {}) {
  const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** Runs a program of an npm package. */
export const runPackage = (name, ...rest) => run(join(CLIENTS, "node_modules/.bin", name), ...rest);

const temporaryFolder = (name) => mkdtempSync(join(tmpdir(), `${name}-`));

/** A copy of a subfolder, for tools that write beside their input. */
export function copyOf(name) {
  const folder = temporaryFolder(name);
  cpSync(join(CLIENTS, name), folder, { recursive: true });
  copyFileSync(join(ROOT, "schema.graphql"), join(folder, "schema.graphql"));
  return folder;
}

/** Checks that `states` are all events of `WATCH` until `uploaded` was COMPLETED and the subscription ended. */
export function assertSettled(states, uploaded) {
  assert.equal(uploaded.status, "PROCESSING");
  assert.ok(states.length > 0, "nothing was said");
  assert.deepEqual(new Set(states.map((state) => state.id)), new Set([uploaded.id]));
  const revisions = states.map((state) => state.revision);
  assert.deepEqual(revisions, [...new Set(revisions)].sort((a, b) => a - b), "in order, and nothing twice");
  const { status, encodings } = states.at(-1);
  assert.equal(status, "COMPLETED");
  assert.deepEqual(encodings.map((encoding) => encoding.dimensions), [128]);
}

/**
 * Starts a server with its own data, on a free port unless `listen` is given. It is stopped at the latest when this
 * process ends.
 */
export async function startServer({ key, listen = "127.0.0.1:0", folder = temporaryFolder("faceql") } = {}) {
  const built = join(process.env.CARGO_TARGET_DIR || "target", "debug/faceql");
  const child = spawn(resolve(ROOT, process.env.FACEQL_BINARY || built), ["serve"], {
    // Where there is no .env.
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      FACEQL_HOME: join(ROOT, ".faceql"),
      FACEQL_LISTEN: listen,
      FACEQL_API_KEY: key ? `acme:${key}` : "",
      FACEQL_BLOB_FOLDER: join(folder, "blobs"),
      FACEQL_SECRET_FILE: join(folder, "secret"),
      DATABASE_URL: `sqlite:${join(folder, "faceql.db")}`,
    },
  });
  await once(child, "spawn");
  const kill = () => child.kill("SIGKILL");
  // Before the handlers that are registered already: the owner of the folder removes it.
  process.prependOnceListener("exit", kill);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const log = [];
  const address = await Promise.race([listening(child, log), gone.then(() => undefined)]);
  assert.ok(address, `the server did not start:\n${log.join("\n")}`);
  return {
    url: `http://${address}/graphql`,
    address,
    folder,
    async stop() {
      child.kill("SIGTERM");
      await gone;
      process.off("exit", kill);
    },
  };
}

/** Resolves with the address once it is logged. Reading continues, since the server would block on a full pipe. */
function listening(child, log) {
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        log.push(line);
        const address = line.match(/API is at http:\/\/([\d.:]+)\/graphql/)?.[1];
        if (address) resolve(address);
      });
    }
  });
}
