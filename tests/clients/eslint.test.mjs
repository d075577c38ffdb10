// graphql-eslint's judgement of the schema.

import { test } from "node:test";
import { ROOT, TIME_LIMIT, runPackage } from "./support.mjs";

const lint = (...parameters) =>
  runPackage("eslint", ["--config", "tests/clients/eslint.config.mjs", ...parameters, "schema.graphql"], { cwd: ROOT });

test("graphql-eslint: the schema keeps to the rules for schemas and for Relay", TIME_LIMIT, async () => {
  await lint("--max-warnings", "0");
});

const todo = "@specifiedBy is written out, and no scalar says by what it is specified";

test("graphql-eslint: the schema has nothing that cannot be reached", { ...TIME_LIMIT, todo }, async () => {
  await lint("--rule", "@graphql-eslint/no-unreachable-types: error");
});
