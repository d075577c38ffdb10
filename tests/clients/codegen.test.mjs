// GraphQL Code Generator's client preset accepts the schema, and its output type-checks.

import { test } from "node:test";
import { TIME_LIMIT, copyOf, runPackage } from "./support.mjs";

test("GraphQL Code Generator: types are generated, and code that uses them type-checks", TIME_LIMIT, async () => {
  const cwd = copyOf("codegen");
  await runPackage("graphql-codegen", ["--config", "codegen.json"], { cwd });
  await runPackage("tsc", ["--project", "tsconfig.json"], { cwd });
});
