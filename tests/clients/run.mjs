// Starts a server that requires a key and one that does not, runs every test in this folder against them, and cleans
// up.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { KEY, startServer } from "./support.mjs";

const here = import.meta.dirname;
// Within this folder, so that generated files find the packages.
const folder = mkdtempSync(join(here, ".run-"));
process.env.TMPDIR = folder;
process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

const [withKey, open] = await Promise.all([startServer({ key: KEY }), startServer()]);
const wanted = process.argv.slice(2);
const tests = wanted.length > 0 ? wanted : readdirSync(here).filter((name) => name.endsWith(".test.mjs")).sort();
const code = await run(["--test", "--test-reporter=spec", ...tests]);
console.log(code === 0 ? "\nThe clients are served." : "\nA client is not served: see above.");
process.exitCode = code;
await Promise.all([withKey.stop(), open.stop()]);

function run(parameters) {
  const env = { ...process.env, FACEQL_URL: withKey.url, FACEQL_OPEN_URL: open.url };
  const child = spawn(process.execPath, parameters, { cwd: here, env, stdio: "inherit", detached: true });
  // The whole process group, including what the tests started.
  process.prependOnceListener("exit", () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // All processes have ended.
    }
  });
  return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
}
