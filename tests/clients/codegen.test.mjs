// GraphQL Code Generator's client preset: it takes the schema, and what it writes type-checks.

import { test } from "node:test";
import { TIME_LIMIT, copyOf, runPackage } from "./support.mjs";

test("GraphQL Code Generator: types are generated, and an application of them type-checks", TIME_LIMIT, async () => {
  const cwd = copyOf("codegen");
  await runPackage("graphql-codegen", ["--config", "codegen.json"], { cwd });
  await runPackage("tsc", ["--project", "tsconfig.json"], { cwd });
});
