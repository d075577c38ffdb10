// The Relay compiler: connections, refetching with `node`, and mutations with Relay's directives.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CLIENTS, TIME_LIMIT, copyOf, run } from "./support.mjs";

// By its path: another package has a program of the same name.
const compiler = join(CLIENTS, "node_modules/relay-compiler/cli.js");

test("Relay compiler: a page, a refetch, a mutation and a subscription compile", TIME_LIMIT, async () => {
  const cwd = copyOf("relay");
  await run(process.execPath, [compiler, "relay.config.json"], { cwd });
  const artefacts = readdirSync(join(cwd, "src/__generated__")).filter((name) => name.endsWith(".graphql.ts"));
  assert.equal(artefacts.length, 7, artefacts.join());
});
