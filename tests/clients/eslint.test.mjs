// Checks the schema with graphql-eslint.

import { test } from "node:test";
import { ROOT, TIME_LIMIT, runPackage } from "./support.mjs";

test("graphql-eslint: the schema follows the rules for schemas and for Relay", TIME_LIMIT, async () => {
  const config = ["--config", "tests/clients/eslint.config.mjs"];
  await runPackage("eslint", [...config, "--max-warnings", "0", "schema.graphql"], { cwd: ROOT });
});
